"""The API as one owner uses it in tests, and bodies that are right as they stand."""

from datetime import UTC, datetime
from typing import Any

from rest_framework.response import Response
from rest_framework.test import APIClient

NEXT_YEAR = datetime.now(UTC).year + 1
NO_ID = "01900000-0000-7000-8000-000000000000"


class Api:
    """Paths below /api, JSON in, the answer with `.json()` out."""

    def __init__(self, token: str = "") -> None:
        self.client = APIClient(raise_request_exception=False)
        if token:
            self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    def get(self, path: str, query: dict[str, Any] | None = None) -> Response:
        """GET."""
        answer: Response = self.client.get(f"/api/{path}", query)
        return answer

    def post(self, path: str, body: Any = None) -> Response:
        """POST with a JSON body, or none."""
        return self.send("post", path, body)

    def send(self, method: str, path: str, body: Any = None) -> Response:
        """Any method, with a JSON body or none."""
        data = {} if body is None else {"data": body, "format": "json"}
        answer: Response = getattr(self.client, method)(f"/api/{path}", **data)
        return answer

    def raw(self, path: str, data: bytes, content_type: str = "application/json") -> Response:
        """POST with exactly these bytes."""
        answer: Response = self.client.generic("POST", f"/api/{path}", data, content_type)
        return answer

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


def created(answer: Response) -> dict[str, Any]:
    """The JSON of a 201."""
    assert answer.status_code == 201, answer.json()
    shown: dict[str, Any] = answer.json()
    return shown


def problem(answer: Response, status: int) -> dict[str, Any]:
    """The problem document of an answer, after a look at its shape."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= told.keys()
    assert told["status"] == status
    assert told["detail"]
    return told


def wrong_fields(answer: Response) -> dict[str, str]:
    """The fields that a 400 names, each with its code; each has a sentence too."""
    errors = problem(answer, 400)["errors"]
    assert all(error["message"] for error in errors)
    return {error["field"]: error["code"] for error in errors}
