"""Requests that are no proper JSON requests at all: malformed, huge, of the wrong kind."""

import io
import json
from typing import Any

import pytest

from scheduled_calls.models import ScheduledCall
from tests.client import NO_ID, Api, one_time, problem

MALFORMED = [
    b"{", b"}", b"nul", b"{'a': 1}", b'{"a": 1,}', b"\xff\xfe", b'"\xed\xa0\x80"', b"{} {}",
    b'{"a": NaN}', b'{"a": Infinity}', b'{"a": -Infinity}', b'{"a": 1e999}', b"\x00",
    b"\xef\xbb\xbf{}",
    b'{"a": 1, "a": 2}', b"[" * 100_000, b'{"a":' * 50_000, b'{"a": ' + b"9" * 5000 + b"}",
    b'{"a": "\\u0000"}', b'{"a": "\\ud800"}', b'{"\\ud800": 1}', b'{"a": "\\x"}', b"<a/>",
    b"a=1&b=2",
]  # fmt: skip
NO_OBJECTS = [b"[]", b"5", b'"x"', b"true", b"null", b"1.5", b'[{"agent_id": "a"}]']
PATHS = ["scheduled-calls", "scheduled-calls/recurring", "scheduled-calls/preview"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", MALFORMED)
def test_a_malformed_body_is_a_400(api: Api, path: str, body: bytes) -> None:
    problem(api.raw(path, body), 400)
    assert not ScheduledCall.objects.exists()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", NO_OBJECTS)
def test_a_body_that_is_no_object_is_a_400(api: Api, path: str, body: bytes) -> None:
    problem(api.raw(path, body), 400)


@pytest.mark.parametrize("path", PATHS)
def test_no_body_at_all_names_what_is_missing(api: Api, path: str) -> None:
    assert problem(api.raw(path, b""), 400)["errors"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/xml", "nonsense", "", "application/"],
)  # fmt: skip
def test_another_content_type_is_a_415(api: Api, content_type: str) -> None:
    body = json.dumps(one_time()).encode()
    problem(api.raw("scheduled-calls", body, content_type), 415)
    assert not ScheduledCall.objects.exists()


def test_json_in_utf_8_may_say_so(api: Api) -> None:
    body = json.dumps(one_time()).encode()
    answer = api.raw("scheduled-calls", body, "application/json; charset=utf-8")
    assert answer.status_code == 201


def test_a_body_beyond_512_kib_is_a_413(api: Api) -> None:
    body = json.dumps(one_time(description="x" * 600_000)).encode()
    problem(api.raw("scheduled-calls", body), 413)
    assert not ScheduledCall.objects.exists()


def send_chunked(api: Api, body: bytes) -> int:
    """As gunicorn hands on a chunked request: no length, and an input that ends by itself."""
    environ: dict[str, Any] = {
        "CONTENT_LENGTH": "",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
    }
    answer = api.client.generic("POST", "/api/scheduled-calls", "", "application/json", **environ)
    return int(answer.status_code)


def test_a_chunked_body_is_read_and_a_huge_one_is_a_413(api: Api) -> None:
    assert send_chunked(api, json.dumps(one_time()).encode()) == 201
    assert send_chunked(api, json.dumps(one_time(description="x" * 600_000)).encode()) == 413
    assert ScheduledCall.objects.count() == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("put", "scheduled-calls"), ("patch", "scheduled-calls"), ("delete", "scheduled-calls"),
        ("get", "scheduled-calls/recurring"), ("delete", "scheduled-calls/preview"),
        ("post", f"scheduled-calls/{NO_ID}"), ("get", f"scheduled-calls/{NO_ID}/pause"),
        ("put", f"scheduled-calls/{NO_ID}/resume"), ("get", f"scheduled-calls/{NO_ID}/execute"),
        ("post", f"scheduled-calls/{NO_ID}/history"), ("post", "executions"),
        ("delete", f"executions/{NO_ID}"), ("get", f"executions/{NO_ID}/cancel"),
        ("post", "scheduler/health"), ("trace", "scheduled-calls"),
    ],
)  # fmt: skip
def test_a_wrong_method_is_a_405_that_names_the_right_ones(
    api: Api, method: str, path: str
) -> None:
    answer = api.send(method, path)
    problem(answer, 405)
    assert answer["Allow"]


@pytest.mark.parametrize(
    "path", ["scheduled-calls", f"scheduled-calls/{NO_ID}", "executions", "scheduler/health"]
)
def test_head_and_options_do_no_harm(api: Api, path: str) -> None:
    assert api.client.head(f"/api/{path}").status_code in (200, 404)
    assert api.client.options(f"/api/{path}").status_code == 200


@pytest.mark.parametrize("path", ["nothing", "scheduled-calls/x/y/z", "scheduled-calls//", "%00"])
def test_an_address_that_leads_nowhere_is_a_404_in_json(api: Api, path: str) -> None:
    problem(api.get(path), 404)


def test_only_json_is_answered(api: Api) -> None:
    answer = api.client.get("/api/scheduled-calls", headers={"Accept": "application/xml"})
    problem(answer, 406)


def test_the_request_id_comes_back(api: Api) -> None:
    answer = api.client.get("/api/scheduled-calls", headers={"X-Request-ID": "abc-1"})
    assert answer["X-Request-ID"] == "abc-1"
