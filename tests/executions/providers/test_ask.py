"""Questions to the call service: bounded in time and size, and an honest word without an answer."""

import time
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from executions.providers.base import (
    MAX_ANSWER_BYTES,
    HttpRequest,
    HttpResponse,
    Unreachable,
)
from executions.providers.sandbox import SandboxProvider
from executions.providers.transport import ask
from tests.executions.providers.make import a_ref, a_service


def fetch(server: HTTPServer, deadline: float = 5.0) -> HttpResponse:
    """Asks the server for a call."""
    provider = a_service(server.url_for(""), deadline=deadline)
    request = provider.fetch(a_ref())
    assert request is not None
    return ask(request, provider)


def replies(server: HTTPServer, response: Response) -> None:
    """The server answers each request so."""
    server.expect_request("/calls/call_1").respond_with_handler(lambda request: response)


def test_a_question_is_answered(httpserver: HTTPServer) -> None:
    seen: list[Request] = []

    def reply(request: Request) -> Response:
        seen.append(request)
        return Response('{"call_id": "call_1"}', headers={"X-Some": "Thing"})

    httpserver.expect_request("/calls/call_1").respond_with_handler(reply)
    response = fetch(httpserver)
    assert (response.status, response.body) == (200, b'{"call_id": "call_1"}')
    assert response.headers["x-some"] == "Thing"
    assert seen[0].headers["Authorization"] == "Bearer t0ken"


def test_a_call_is_hung_up(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/calls/call_1", method="DELETE").respond_with_data("", 204)
    provider = a_service(httpserver.url_for(""))
    request = provider.hang_up(a_ref())
    assert request is not None
    assert ask(request, provider).status == 204


def test_nobody_there_is_unreachable() -> None:
    provider = a_service("http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="refused"):
        ask(HttpRequest("GET", "http://127.0.0.1:9/calls/x", {}, 2.0), provider)


@pytest.mark.parametrize("url", ["http://calls.invalid/", "http://[::bad/", "nonsense", "http://"])
def test_an_address_that_leads_nowhere_is_unreachable(url: str) -> None:
    with pytest.raises(Unreachable):
        ask(HttpRequest("GET", url, {}, 2.0), a_service())


def test_a_slow_drip_ends_at_the_deadline(httpserver: HTTPServer) -> None:
    def drip() -> Any:
        for _ in range(400):
            time.sleep(0.05)
            yield b" "

    httpserver.expect_request("/calls/call_1").respond_with_handler(lambda _: Response(drip()))
    started = time.monotonic()
    with pytest.raises(Unreachable, match="in time"):
        fetch(httpserver, deadline=0.5)
    assert time.monotonic() - started < 10  # and not the twenty of the drip


def test_a_redirect_is_not_followed(httpserver: HTTPServer) -> None:
    replies(httpserver, Response(status=302, headers={"Location": "/elsewhere"}))
    assert fetch(httpserver).status == 302


def test_megabytes_are_not_read(httpserver: HTTPServer) -> None:
    replies(httpserver, Response(b" " * 2_000_000))
    assert len(fetch(httpserver).body) == MAX_ANSWER_BYTES + 1


def test_a_packed_answer_is_not_unpacked(httpserver: HTTPServer) -> None:
    replies(httpserver, Response(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}))
    assert fetch(httpserver).body == b"\x1f\x8b"


def test_a_proxy_in_the_environment_is_not_used(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    replies(httpserver, Response("{}"))
    assert fetch(httpserver).status == 200


def test_the_sandbox_is_asked_the_same_way() -> None:
    provider = SandboxProvider(1000.0)
    request = provider.find(a_ref(phone_number="+15005550008"))
    assert request is not None
    assert ask(request, provider).status == 200
