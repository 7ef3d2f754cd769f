"""Speaks the small JSON protocol that any call service can offer: adapter `http`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Self
from urllib.parse import quote

from executions.providers import answers
from executions.providers.base import (
    Absent,
    Accepted,
    Answer,
    CallProvider,
    CallRequest,
    Capabilities,
    ForgedCallback,
    HttpRequest,
    HttpResponse,
    Lookup,
    NoLookup,
    Reference,
    Refused,
    Report,
    TryLater,
    Unsure,
)
from executions.providers.http_settings import check_http_settings
from executions.states import Outcome
from scheduler_project import json_text
from scheduler_project.env import SchedulerSettings
from webhooks.signing import BadSignature, verify

#: the protocol's words, which are ours; any other word is `unknown`
STATUSES: dict[str, str] = {
    "queued": "queued",
    "ringing": "ringing",
    "in_progress": "in_progress",
    "completed": Outcome.COMPLETED.value,
    "no_answer": Outcome.NO_ANSWER.value,
    "busy": Outcome.BUSY.value,
    "failed": Outcome.FAILED.value,
    "voicemail": Outcome.VOICEMAIL.value,
    "rejected": Outcome.REJECTED.value,
    "invalid_number": Outcome.INVALID_NUMBER.value,
    "cancelled": Outcome.CANCELLED.value,
    "timeout": Outcome.TIMEOUT.value,
    "provider_error": Outcome.PROVIDER_ERROR.value,
}
#: outcomes that a refusal may name: with these, too, nothing rang
REFUSALS = frozenset({Outcome.INVALID_NUMBER, Outcome.REJECTED})
#: a question by a service that does not know it (RFC 9110: not found, not allowed, not implemented)
NO_LOOKUP = frozenset({404, 405, 501})
#: 4xx that do not say whether the call was placed: 408 the service stopped waiting for a request
#: that it may have read, 409 the idempotency key is known, so an earlier request may have dialed
DOUBTFUL = frozenset({408, 409})


class HttpProvider(CallProvider):
    """Any call service behind the protocol, at `url`. Without a secret no callback is believed."""

    name = "http"

    def __init__(
        self, url: str, *, token: str = "", secret: str = "", capabilities: Capabilities
    ) -> None:
        self.url, self.token, self.secret = url, token, secret
        self.capabilities = capabilities

    @classmethod
    def from_settings(cls, rules: SchedulerSettings) -> Self:
        """Reads SCHEDULER_HTTP_CALL_URL, _TOKEN, _SECRET and _SETTLE_SECONDS."""
        check_http_settings(rules)
        return cls(
            rules.http_call_url,
            token=rules.http_call_token,
            secret=rules.http_call_secret,
            capabilities=Capabilities(
                lookup=True,
                absence_is_proof=True,
                settle_seconds=rules.http_call_settle_seconds,
                deadline=rules.dial_deadline_seconds,
            ),
        )

    def request(self, call: CallRequest) -> HttpRequest:
        """`POST /calls`; the attempt's id is the key by which a second one is recognised."""
        body = {
            "attempt_id": call.attempt_id,
            "execution_id": call.execution_id,
            "schedule_id": call.schedule_id,
            "agent_id": call.agent_id,
            "phone_number": call.phone_number,
            "customer_context": call.customer_context,
            "metadata": call.metadata,
            "scheduled_time": utc_text(call.scheduled_time),
            "callback_url": call.callback_url,
        }
        extra = {"Content-Type": "application/json", "Idempotency-Key": str(call.attempt_id)}
        return self._request("POST", "/calls", extra, json_text.written(body))

    def read(self, response: HttpResponse) -> Answer:
        """2xx with a call id is a call; a clean 4xx is none; all else leaves it open.

        503 is open, too: a gateway says it as well when the service behind it has the request and
        does not answer any more.
        """
        status, found = response.status, answers.json_object(response.body) or {}
        call_id = answers.identifier(found.get("call_id"))
        if 200 <= status < 300:
            return _accepted(call_id, found, status)
        if status == 429:
            return TryLater(
                "The call service has no room now (429).", answers.retry_after(response.headers)
            )
        # A refusal that names a call contradicts itself.
        if 400 <= status < 500 and status not in DOUBTFUL and call_id is None:
            return _refused(found, status)
        return Unsure(f"The call service answered {status}.")

    def find(self, ref: Reference) -> HttpRequest | None:
        """`GET /calls?attempt_id=`."""
        return self._request("GET", f"/calls?attempt_id={ref.attempt_id}")

    def read_found(self, ref: Reference, response: HttpResponse) -> Lookup:
        """The entry with our attempt id; an empty list is Absent; another's entry is no answer."""
        if response.status in NO_LOOKUP:
            return NoLookup()
        calls = (answers.json_object(response.body) or {}).get("calls")
        if response.status != 200 or not isinstance(calls, list):
            return Unsure(f"The lookup was answered {response.status}, without a list of calls.")
        reports = [_report(one) for one in calls if isinstance(one, dict)]
        ours = [one for one in reports if one.attempt_id == ref.attempt_id]
        if not calls:
            return Absent()
        return ours[0] if ours else Unsure("The lookup was answered with other attempts' calls.")

    def fetch(self, ref: Reference) -> HttpRequest | None:
        """`GET /calls/{call_id}`."""
        return self._about(ref, "GET")

    def read_fetched(self, ref: Reference, response: HttpResponse) -> Lookup:
        """The call. Never Absent: a call that the service once had is not undone by its absence."""
        if response.status in NO_LOOKUP:
            return NoLookup()
        found = answers.json_object(response.body)
        if response.status != 200 or found is None:
            return Unsure(f"The lookup was answered {response.status}, without a call.")
        report = _report(found)
        if report.call_id != ref.call_id or report.attempt_id not in (None, ref.attempt_id):
            return Unsure("The lookup was answered with another call.")
        return report

    def hang_up(self, ref: Reference) -> HttpRequest | None:
        """`DELETE /calls/{call_id}`."""
        return self._about(ref, "DELETE")

    def read_callback(
        self, headers: Mapping[str, str], body: bytes, url: str, now: datetime
    ) -> list[Report]:
        """One event, signed after Standard Webhooks; `webhook-id` stands in for an `event_id`."""
        named = {name.lower(): value for name, value in headers.items()}
        self._verify(named, body, now)
        found = answers.json_object(body)
        if found is None:
            raise ValueError("The callback's body is no JSON object of at most 64 KiB.")
        if not isinstance(found.get("status"), str):
            raise ValueError("The callback has no status; it must be text.")
        event_id = found.get("event_id") or named["webhook-id"]
        if answers.identifier(event_id) is None:
            raise ValueError("The callback's event_id must be printable text of 1 to 255 letters.")
        return [_report(found, event_id)]

    def _verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        if not self.secret:
            raise ForgedCallback("No secret is set, so no callback can be checked.")
        try:
            verify(
                self.secret,
                message_id=headers["webhook-id"],
                timestamp=headers["webhook-timestamp"],
                signatures=headers["webhook-signature"],
                body=body,
                now=now.timestamp(),
            )
        except KeyError as missing:
            raise ForgedCallback(f"The callback has no {missing.args[0]} header.") from None
        except (BadSignature, UnicodeError) as error:
            raise ForgedCallback(str(error) or "The callback's signature is not ours.") from None

    def _about(self, ref: Reference, method: str) -> HttpRequest | None:
        if ref.call_id is None:
            return None
        # Without a safe character: the id stays one segment of the path.
        return self._request(method, f"/calls/{quote(ref.call_id, safe='')}")

    def _request(
        self, method: str, path: str, extra: Mapping[str, str] | None = None, body: bytes = b""
    ) -> HttpRequest:
        headers = {"Accept": "application/json", **(extra or {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return HttpRequest(method, self.url + path, headers, self.capabilities.deadline, body)


@lru_cache(maxsize=256)  # nine o'clock is the same for all
def utc_text(instant: datetime) -> str:
    """An aware time as ISO 8601 in UTC with `Z`."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _accepted(call_id: str | None, found: Mapping[str, Any], status: int) -> Answer:
    if call_id is None:
        return Unsure(f"The call service answered {status} without a usable call_id.")
    return Accepted(
        call_id,
        status=_word(found, None),
        duration=answers.duration(found.get("duration")),
        details=answers.details(found),
        error=answers.sentence(found.get("error")),
    )


def _refused(found: Mapping[str, Any], status: int) -> Refused:
    word = _word(found, None)
    outcome = Outcome(word) if word in REFUSALS else Outcome.PROVIDER_ERROR
    said = answers.sentence(found.get("error")) or f"The call service answered {status}."
    return Refused(outcome, said)


def _report(found: dict[str, Any], event_id: str | None = None) -> Report:
    return Report(
        call_id=answers.identifier(found.get("call_id")),
        attempt_id=answers.uuid_or_none(found.get("attempt_id")),
        status=_word(found, Outcome.UNKNOWN.value) or Outcome.UNKNOWN.value,
        duration=answers.duration(found.get("duration")),
        error=answers.sentence(found.get("error")),
        details=answers.details(found),
        event_id=event_id,
        raw=found,
    )


def _word(found: Mapping[str, Any], default: str | None) -> str | None:
    word = found.get("status")
    return STATUSES.get(word, default) if isinstance(word, str) else default
