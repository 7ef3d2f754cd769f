"""One call's life over real processes: POST, beat, worker, call service, callback, webhook."""

import json
from datetime import UTC, datetime, timedelta

from standardwebhooks.webhooks import Webhook

from tests.call_service import CallService, Sink
from tests.system import ON_TIME, eventually
from tests.system_fixtures import MakeSystem, http_settings


def test_a_call_lives_from_the_post_to_the_signed_webhook(
    make_system: MakeSystem, call_service: CallService, sink: Sink
) -> None:
    system = make_system(**http_settings(call_service))
    system.start_all()
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4)

    call = system.api(
        "POST",
        "scheduled-calls",
        {
            "agent_id": "agent-123",
            "phone_number": "+12025550123",
            "scheduled_time": at.strftime("%Y-%m-%d %H:%M:%S"),
            "timezone": "UTC",
            "customer_context": {"order": "ORD-456"},
            "webhook_url": sink.url,
        },
        status=201,
    )
    assert system.history(call["id"])[0]["status"] == "pending"
    row = system.wait_for_status(call["id"], "completed")

    # The call service was asked once, at its time, with all that it needs.
    (ring,) = call_service.rings_of(call["id"])
    assert 0 <= ring["at"] - at.timestamp() < ON_TIME.total_seconds()
    assert ring["execution_id"] == row["execution_id"]
    assert ring["customer_context"] == {"order": "ORD-456"}
    assert eventually(lambda: call_service.answers) == [204]
    # The history says what the call service said.
    assert row["duration"] == 42
    assert row["call_id"] == call_service.states[ring["attempt_id"]]["call_id"]
    assert system.api("GET", f"scheduled-calls/{call['id']}")["status"] == "completed"
    # The customer was told, in order, signed with the owner's secret.
    eventually(lambda: len(sink.events_of(call["id"])) == 2, 15, "started and completed are told")
    events = sink.events_of(call["id"])
    assert sorted(event["event"] for event in events) == ["completed", "started"]
    verifier = Webhook(system.api("GET", "webhook-secret")["secret"])
    for headers, body in sink.received:
        assert verifier.verify(body.decode(), headers) == json.loads(body)
    ended = next(event for event in events if event["event"] == "completed")
    assert ended["data"]["duration"] == 42
    assert ended["data"]["customer_context"] == {"order": "ORD-456"}
