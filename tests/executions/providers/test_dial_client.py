"""The client that places calls: sent at most once, and an honest word about what was not."""

import asyncio
import json
import socket
from collections.abc import Callable

import pytest

from executions.providers.base import (
    MAX_ANSWER_BYTES,
    HttpResponse,
    LostError,
    NotSentError,
)
from executions.providers.dial_client import DialClient
from executions.providers.sandbox import SandboxProvider
from tests.executions.providers.call_service import (
    Reply,
    call_service,
    drips,
    hangs,
    hangs_up,
    resets,
    says,
    says_and_hangs_up,
)
from tests.executions.providers.dialer import REFUSED, Dialer, allow, dialing, forbid, run, send
from tests.executions.providers.make import a_call, a_service


def test_a_call_arrives_once_with_its_headers_and_body() -> None:
    async def story() -> None:
        async with dialing(says()) as (service, dialer):
            response = await dialer.dial()
            assert (response.status, response.body) == (200, b'{"call_id": "call_1"}')
            (arrived,) = service.requests
            head, body = arrived.split(b"\r\n\r\n")
            assert head.startswith(b"POST /calls HTTP/1.1")
            assert f"Idempotency-Key: {a_call().attempt_id}".encode() in head
            assert json.loads(body)["phone_number"] == a_call().phone_number

    run(story)


def test_answers_have_lower_case_header_names() -> None:
    async def story() -> None:
        async with dialing(says(status="429 Slow", more="Retry-AFTER: 7\r\n")) as (_, dialer):
            assert (await dialer.dial()).headers["retry-after"] == "7"

    run(story)


def test_a_refused_connection_is_not_sent() -> None:
    async def story() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            dialer = Dialer(a_service(f"http://127.0.0.1:{free.getsockname()[1]}"))
            failure, _ = await dialer.fails()
            await dialer.client.close()
        assert type(failure) is NotSentError
        assert "refused" in failure.reason

    run(story)


def test_a_name_that_leads_nowhere_is_not_sent() -> None:
    async def story() -> None:
        dialer = Dialer(a_service("http://calls.invalid"))
        failure, _ = await dialer.fails()
        await dialer.client.close()
        assert isinstance(failure, NotSentError)
        assert "calls.invalid" not in failure.reason

    run(story)


def test_a_connection_that_is_never_taken_is_not_sent() -> None:
    """A listener with a full queue: the kernel answers no more SYNs."""

    async def story() -> None:
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for filler in (first, second):
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            dialer = Dialer(a_service(f"http://127.0.0.1:{full.getsockname()[1]}"))
            failure, seconds = await dialer.fails(deadline=0.5)
            await dialer.client.close()
        assert isinstance(failure, NotSentError)
        assert seconds < 10  # the kernel would try for minutes

    run(story)


def test_a_service_that_hangs_is_lost_at_the_deadline() -> None:
    async def story() -> None:
        async with dialing(hangs) as (service, dialer):
            failure, seconds = await dialer.fails(deadline=0.7)
            assert isinstance(failure, LostError)
            assert 0.6 < seconds < 10
            assert len(service.requests) == 1

    run(story)


@pytest.mark.parametrize(
    "text", [b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 99, b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 99]
)
def test_a_byte_now_and_then_does_not_move_the_deadline(text: bytes) -> None:
    async def story() -> None:
        async with dialing(drips(text, pause=0.05)) as (service, dialer):
            failure, seconds = await dialer.fails(deadline=1.0)
            assert isinstance(failure, LostError)
            assert 0.9 < seconds < 5  # with all its bytes the shorter one takes six
            assert len(service.requests) == 1

    run(story)


@pytest.mark.parametrize("reply", [hangs_up, resets])
def test_a_connection_closed_instead_of_an_answer_is_lost_and_not_repeated(reply: Reply) -> None:
    async def story() -> None:
        async with dialing(reply) as (service, dialer):
            failure, _ = await dialer.fails()
            assert isinstance(failure, LostError)
            await asyncio.sleep(0.1)
            assert len(service.requests) == 1

    run(story)


def test_a_kept_connection_that_breaks_on_the_next_call_is_lost_and_not_repeated() -> None:
    async def story() -> None:
        replies = [says(), hangs_up]

        async def first_says_then_hangs_up(writer: asyncio.StreamWriter) -> None:
            await replies.pop(0)(writer)

        async with dialing(first_says_then_hangs_up) as (service, dialer):
            await dialer.dial()
            failure, _ = await dialer.fails()
            assert isinstance(failure, LostError)
            await asyncio.sleep(0.1)
            assert len(service.requests) == 2
            assert len(service.connections) == 1

    run(story)


def test_a_connection_that_was_closed_while_idle_costs_nothing() -> None:
    """The loop has had no time to hear of the closing; the kernel has."""

    async def story() -> None:
        async with dialing(says_and_hangs_up) as (service, dialer):
            for calls in range(1, 6):
                assert (await dialer.dial()).status == 200
                assert len(service.requests) == calls

    run(story)


def unasked(peer: socket.socket) -> None:
    """The service says something on an idle connection."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nX")


@pytest.mark.parametrize("spoil", [socket.socket.close, unasked], ids=["closed", "unasked answer"])
def test_what_the_loop_has_not_heard_of_is_seen_before_the_bytes_leave(
    spoil: Callable[[socket.socket], None],
) -> None:
    """The peer is a plain socket, spoiled within one step of the loop: no callback can run."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            client, provider = DialClient(), a_service(url)
            guarded: list[int] = []

            async def dial() -> HttpResponse:
                request = provider.request(a_call())
                return await send(client, provider, request, lambda: guarded.append(1))

            async def accept_and_answer() -> socket.socket:
                peer, _ = await loop.sock_accept(server)
                await loop.sock_recv(peer, 65_536)
                await loop.sock_sendall(peer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                return peer

            _, first = await asyncio.gather(dial(), accept_and_answer())
            loop.call_soon(spoil, first)  # runs just before the next dial, with no select between
            response, second = await asyncio.gather(dial(), accept_and_answer())
            assert response.body == b"{}"
            assert len(guarded) == 2  # on the spoiled one the guard was not even asked
            first.close()
            second.close()
            await client.close()

    run(story)


def test_an_answer_to_nothing_is_not_taken_for_the_answer_to_the_next_call() -> None:
    async def story() -> None:
        answers = [says(b'{"call_id": "first"}'), says(b'{"call_id": "third"}')]

        async def reply(writer: asyncio.StreamWriter) -> None:
            await answers.pop(0)(writer)
            if answers:
                await says(b'{"call_id": "unasked"}')(writer)

        async with dialing(reply) as (_, dialer):
            assert b"first" in (await dialer.dial()).body
            await asyncio.sleep(0.1)
            assert b"third" in (await dialer.dial()).body

    run(story)


def test_what_the_guard_forbids_does_not_leave() -> None:
    async def story() -> None:
        async with dialing(says()) as (service, dialer):
            failure, _ = await dialer.fails(guard=forbid)
            assert isinstance(failure, NotSentError)
            assert failure.reason == REFUSED
            await asyncio.sleep(0.1)
            assert service.bytes_seen == 0

    run(story)


def test_what_the_guard_forbids_does_not_leave_on_a_kept_connection() -> None:
    async def story() -> None:
        async with dialing(says()) as (service, dialer):
            await dialer.dial()
            seen = service.bytes_seen
            failure, _ = await dialer.fails(guard=forbid)
            assert isinstance(failure, NotSentError)
            await asyncio.sleep(0.1)
            assert service.bytes_seen == seen
            assert (await dialer.dial()).status == 200

    run(story)


def test_the_guard_is_asked_once_the_connection_stands() -> None:
    async def story() -> None:
        async with dialing(says()) as (service, dialer):
            seen: list[int] = []
            await dialer.dial(guard=lambda: seen.append(service.bytes_seen))
            assert seen == [0]

    run(story)


def test_a_broken_guard_lets_nothing_pass() -> None:
    async def story() -> None:
        async with dialing(says()) as (service, dialer):

            def broken() -> None:
                raise RuntimeError

            failure, _ = await dialer.fails(guard=broken)
            assert isinstance(failure, NotSentError)
            assert service.bytes_seen == 0

    run(story)


def test_who_waits_for_a_connection_until_the_deadline_is_not_sent_later() -> None:
    async def story() -> None:
        async with call_service(hangs) as service:
            client, provider = DialClient(connections=1), a_service(service.url, deadline=1.0)
            brief = a_service(service.url, deadline=0.3)
            first = asyncio.create_task(send(client, provider, provider.request(a_call()), allow))
            await asyncio.sleep(0.1)
            with pytest.raises(NotSentError):
                await send(client, brief, brief.request(a_call()), allow)
            with pytest.raises(LostError):
                await first
            await asyncio.sleep(0.1)
            assert len(service.requests) == 1
            await client.close()

    run(story)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Again", "308 Moved"])
def test_a_redirect_is_not_followed(status: str) -> None:
    async def story() -> None:
        async with dialing(says(status=status, more="Location: /elsewhere\r\n")) as (
            service,
            dialer,
        ):
            assert (await dialer.dial()).status == int(status[:3])
            assert len(service.requests) == 1

    run(story)


def test_ten_megabytes_are_not_read() -> None:
    async def story() -> None:
        async with dialing(says(b" " * 10_000_000)) as (_, dialer):
            response = await dialer.dial()
            assert len(response.body) == MAX_ANSWER_BYTES + 1

    run(story)


def test_a_packed_answer_is_not_unpacked() -> None:
    async def story() -> None:
        async with dialing(says(b"\x1f\x8b", more="Content-Encoding: gzip\r\n")) as (_, dialer):
            assert (await dialer.dial()).body == b"\x1f\x8b"

    run(story)


@pytest.mark.parametrize("junk", [b"SSH-2.0-x\r\n", b"\x00" * 500, b"HTTP/1.1 abc\r\n\r\n"])
def test_an_answer_that_is_not_http_is_lost(junk: bytes) -> None:
    async def story() -> None:
        async def reply(writer: asyncio.StreamWriter) -> None:
            writer.write(junk)
            writer.close()

        async with dialing(reply) as (service, dialer):
            failure, _ = await dialer.fails()
            assert isinstance(failure, LostError)
            assert len(service.requests) == 1

    run(story)


def test_an_answer_that_breaks_off_is_lost() -> None:
    async def story() -> None:
        async def reply(writer: asyncio.StreamWriter) -> None:
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"call_id": "c"}')
            writer.close()

        async with dialing(reply) as (_, dialer):
            failure, _ = await dialer.fails()
            assert isinstance(failure, LostError)

    run(story)


def test_a_dial_called_off_under_way_is_lost() -> None:
    async def story() -> None:
        async with dialing(hangs) as (service, dialer):
            under_way = asyncio.create_task(dialer.dial())
            while not service.requests:
                await asyncio.sleep(0.01)
            under_way.cancel()
            with pytest.raises(LostError):
                await under_way

    run(story)


def test_a_dial_called_off_before_it_left_is_not_sent() -> None:
    async def story() -> None:
        async with dialing(says()) as (service, dialer):
            under_way = asyncio.create_task(dialer.dial())
            await asyncio.sleep(0)
            under_way.cancel()
            with pytest.raises(NotSentError):
                await under_way
            await asyncio.sleep(0.1)
            assert service.requests == []

    run(story)


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    async def story() -> None:
        async with dialing(says()) as (_, dialer):
            assert (await dialer.dial()).status == 200

    run(story)


def test_connections_are_kept_and_cookies_are_not() -> None:
    async def story() -> None:
        async with dialing(says(more="Set-Cookie: a=b\r\n")) as (service, dialer):
            for _ in range(3):
                await dialer.dial()
            assert len(service.connections) == 1
            assert not any(b"cookie" in request.lower() for request in service.requests)

    run(story)


def test_two_hundred_calls_at_once_arrive_once_each() -> None:
    async def story() -> None:
        async with dialing(says()) as (service, dialer):
            answers = await asyncio.gather(*[dialer.dial() for _ in range(200)])
            assert {one.status for one in answers} == {200}
            assert len(service.requests) == 200

    run(story)


def test_the_sandbox_is_dialed_the_same_way_and_asks_the_guard() -> None:
    async def story() -> None:
        dialer = Dialer(SandboxProvider(1.0))
        assert (await dialer.dial()).status == 201
        failure, _ = await dialer.fails(guard=forbid)
        assert isinstance(failure, NotSentError)
        await dialer.client.close()

    run(story)
