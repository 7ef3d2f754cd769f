"""Requests that place calls wait in a line for a connection, and each is told of once."""

import asyncio

from executions.providers.base import HttpResponse, LostError, NotSentError
from executions.providers.dial_client import DialClient, Result
from tests.executions.providers.call_service import call_service, hangs, says
from tests.executions.providers.dialer import allow, dialing, run
from tests.executions.providers.make import a_call, a_service


def test_what_may_have_left_is_never_told_to_be_not_sent_afterwards() -> None:
    async def story() -> None:
        async with dialing(hangs) as (service, dialer):
            told: list[Result] = []

            request = dialer.provider.request(a_call())
            dial = dialer.client.begin(dialer.provider, request, allow, told.append)
            assert dial is not None
            while not service.requests:
                await asyncio.sleep(0.01)
            dialer.client._end(dial, TimeoutError())
            dialer.client._end(dial, TimeoutError())
            dialer.client._tell(dial, NotSentError("but it may have left"))
            assert [type(one) for one in told] == [LostError]

    run(story)


def test_a_request_that_waited_goes_out_on_the_connection_that_comes_free() -> None:
    async def story() -> None:
        async with call_service(says()) as service:
            client, provider = DialClient(connections=1), a_service(service.url)
            told: list[Result] = []
            for _ in range(50):
                client.begin(provider, provider.request(a_call()), allow, told.append)
            while len(told) < 50:
                await asyncio.sleep(0.01)
            assert {getattr(one, "status", None) for one in told} == {200}
            assert len(service.connections) == 1
            await client.close()

    run(story)


def test_what_follows_an_answer_is_not_taken_for_that_of_the_request_that_waited() -> None:
    async def story() -> None:
        answers = [b'{"call_id": "first"}', b'{"call_id": "second"}']

        async def reply(writer: asyncio.StreamWriter) -> None:
            mine = answers.pop(0)
            extra = says(b'{"call_id": "unasked"}') if answers else None
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
            more = head % 22 + b'{"call_id": "unasked"}' if extra else b""
            writer.write(head % len(mine) + mine + more)

        async with call_service(reply) as service:
            client, provider = DialClient(connections=1), a_service(service.url)
            told: list[Result] = []
            for _ in range(2):
                client.begin(provider, provider.request(a_call()), allow, told.append)
            while len(told) < 2:
                await asyncio.sleep(0.01)
            bodies = [one.body for one in told if isinstance(one, HttpResponse)]
            assert bodies == [b'{"call_id": "first"}', b'{"call_id": "second"}']
            await client.close()

    run(story)


def test_a_closed_client_sends_nothing_that_waits_and_keeps_no_connection() -> None:
    async def story() -> None:
        async with call_service(hangs) as service:
            client, provider = DialClient(connections=1), a_service(service.url, deadline=0.5)
            told: list[Result] = []
            for _ in range(3):
                client.begin(provider, provider.request(a_call()), allow, told.append)
            while not service.requests:
                await asyncio.sleep(0.01)
            await client.close()
            assert [type(one) for one in told] == [NotSentError, NotSentError]
            while len(told) < 3:
                await asyncio.sleep(0.01)
            assert isinstance(told[-1], LostError)
            assert len(service.requests) == 1

    run(story)
