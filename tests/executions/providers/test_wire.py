"""How an answer ends, and what a service may not do to the connection that carries it."""

import asyncio

import pytest

from executions.providers.base import HttpRequest, LostError
from executions.providers.wire import address_of, encoded
from tests.executions.providers.dialer import dialing, run


def answer(text: str, *more: str) -> bytes:
    """A whole answer with its length."""
    head = "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", *more))
    return f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode()


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    async def story() -> None:
        async def reply(writer: asyncio.StreamWriter) -> None:
            writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"call_id"')
            await writer.drain()
            writer.write(b': "c"}')
            writer.close()

        async with dialing(reply) as (service, dialer):
            assert (await dialer.dial()).body == b'{"call_id": "c"}'
            assert (await dialer.dial()).body == b'{"call_id": "c"}'
            assert len(service.connections) == 2

    run(story)


def test_of_two_answers_in_one_packet_the_first_counts_and_the_connection_is_not_kept() -> None:
    async def story() -> None:
        async def reply(writer: asyncio.StreamWriter) -> None:
            writer.write(answer("first") + answer("second"))

        async with dialing(reply) as (service, dialer):
            assert (await dialer.dial()).body == b"first"
            assert (await dialer.dial()).body == b"first"
            assert len(service.connections) == 2

    run(story)


def test_an_interim_answer_is_passed_over() -> None:
    async def story() -> None:
        async def reply(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer("real"))

        async with dialing(reply) as (service, dialer):
            for _ in range(2):
                response = await dialer.dial()
                assert (response.status, response.body) == (200, b"real")
            assert "link" not in response.headers
            assert len(service.connections) == 1

    run(story)


def test_pieces_of_a_chunked_answer_are_put_together() -> None:
    async def story() -> None:
        async def reply(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
            await writer.drain()
            writer.write(b"1\r\nc\r\n0\r\n\r\n")

        async with dialing(reply) as (service, dialer):
            for _ in range(2):
                assert (await dialer.dial()).body == b"abc"
            assert len(service.connections) == 1

    run(story)


def test_headers_without_an_end_are_lost_and_not_kept_in_memory() -> None:
    async def story() -> None:
        async def reply(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n")
            for _ in range(3000):
                writer.write(b"X-More: " + b"y" * 100 + b"\r\n")
                await writer.drain()

        async with dialing(reply) as (_, dialer):
            failure, seconds = await dialer.fails(deadline=15.0)
            assert isinstance(failure, LostError)
            assert seconds < 10

    run(story)


def test_a_switch_to_another_protocol_is_lost() -> None:
    async def story() -> None:
        async def reply(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhi")

        async with dialing(reply) as (_, dialer):
            failure, _ = await dialer.fails(deadline=2.0)
            assert isinstance(failure, LostError)

    run(story)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: b", "a\nb", "a\rb"])
def test_a_header_that_would_be_two_does_not_leave(value: str) -> None:
    request = HttpRequest("POST", "http://127.0.0.1:1/calls", {"Authorization": value}, 1.0, b"{}")
    with pytest.raises(ValueError, match="line break"):
        encoded(request, {})


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("http://calls.example.com/v1/calls", "calls.example.com", "/v1/calls"),
        ("http://calls.example.com:80/calls", "calls.example.com", "/calls"),
        ("https://calls.example.com:8443", "calls.example.com:8443", "/"),
        ("http://[::1]:8010/calls?a=b", "[::1]:8010", "/calls?a=b"),
        ("http://127.0.0.1:8010/a%20b/\u00e9", "127.0.0.1:8010", "/a%20b/%C3%A9"),
    ],
)
def test_a_request_names_the_host_and_the_target(url: str, host: str, target: str) -> None:
    assert address_of(url)[1:] == (host, target)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "calls.example.com"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        address_of(url)
