"""The API as one owner uses it in tests, and bodies that are right as they stand."""

from datetime import UTC, datetime
from typing import Any, Protocol, cast

from rest_framework.test import APIClient

NEXT_YEAR = datetime.now(UTC).year + 1
NO_ID = "01900000-0000-7000-8000-000000000000"


class Answer(Protocol):
    """What the test client makes of a response."""

    status_code: int
    content: bytes

    def json(self) -> Any:
        """The body as values."""

    def __getitem__(self, header: str) -> str: ...


class Api:
    """Paths below /api, JSON in, the answer with `.json()` out."""

    def __init__(self, token: str = "") -> None:
        self.client = APIClient(raise_request_exception=False)
        if token:
            self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    def get(self, path: str, query: dict[str, Any] | None = None) -> Answer:
        """GET."""
        return cast(Answer, self.client.get(f"/api/{path}", query))

    def post(self, path: str, body: Any = None) -> Answer:
        """POST with a JSON body, or none."""
        return self.send("post", path, body)

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        """Any method, with a JSON body or none."""
        data = {} if body is None else {"data": body, "format": "json"}
        return cast(Answer, getattr(self.client, method)(f"/api/{path}", **data))

    def raw(self, path: str, data: Any, content_type: str = "application/json") -> Answer:
        """POST with exactly these bytes."""
        return cast(Answer, self.client.generic("POST", f"/api/{path}", data, content_type))

    def ask(self, address: str) -> Answer:
        """GET an address as it stands, query and all."""
        return cast(Answer, self.client.get(address))

    def schedule(self, **fields: Any) -> dict[str, Any]:
        """A one-time call that was accepted."""
        return created(self.post("scheduled-calls", one_time(**fields)))

    def schedule_recurring(self, **fields: Any) -> dict[str, Any]:
        """A recurring call that was accepted."""
        return created(self.post("scheduled-calls/recurring", recurring(**fields)))


def one_time(**fields: Any) -> dict[str, Any]:
    """The body of the seed's one-time call, next year."""
    return {
        "agent_id": "agent-123",
        "phone_number": "+1234567890",
        "scheduled_time": f"{NEXT_YEAR}-02-01 14:30:00",
        "timezone": "America/New_York",
        "name": "Follow-up call for John",
        **fields,
    }


def recurring(**fields: Any) -> dict[str, Any]:
    """The body of the seed's recurring call."""
    return {
        "agent_id": "agent-123",
        "phone_number": "+1234567890",
        "cron_expression": "0 9 * * MON",
        "timezone": "America/New_York",
        "name": "Weekly check-in",
        "max_occurrences": 12,
        **fields,
    }


def created(answer: Answer) -> dict[str, Any]:
    """The JSON of a 201."""
    assert answer.status_code == 201, answer.json()
    shown: dict[str, Any] = answer.json()
    return shown


def problem(answer: Answer, status: int) -> dict[str, Any]:
    """The problem document of an answer, after a look at its shape."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= told.keys()
    assert told["status"] == status
    assert told["detail"]
    return told


def wrong_fields(answer: Answer) -> dict[str, str]:
    """The fields that a 400 names, each with its code; each has a sentence too."""
    errors = problem(answer, 400)["errors"]
    assert all(error["message"] for error in errors)
    return {error["field"]: error["code"] for error in errors}
