"""How long and how much: slow, huge, packed and broken answers."""

import gzip
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from werkzeug import Response

from scheduler_project.env import SchedulerSettings
from tests.webhooks.conftest import HERE, Receiver
from tests.webhooks.make import OneByOne, read_request
from webhooks.answers import TOO_SLOW, Answer
from webhooks.sender import READ_BYTES, Sender

RawServer = Callable[[Callable[[socket.socket], None]], int]
#: what ends at the total time of a second would else go on for much longer, or for ever
LONG = 10
RULES = SchedulerSettings(webhook_allow_http=True, webhook_allowed_nets=(HERE,))


@pytest.fixture
def hasty() -> Iterator[OneByOne]:
    """A sender with one second for all."""
    sender = OneByOne(Sender(RULES, total_seconds=1.0))
    yield sender
    sender.close()


@pytest.fixture
def patient() -> Iterator[OneByOne]:
    """A sender with as much time as the product gives."""
    sender = OneByOne(Sender(RULES))
    yield sender
    sender.close()


def drip(connected: socket.socket, text: bytes, pause: float = 0.1) -> None:
    for at in range(len(text)):
        connected.sendall(text[at : at + 1])
        time.sleep(pause)


def timed(sender: OneByOne, port: int) -> tuple[Answer, float]:
    started = time.monotonic()
    answer = sender.send(f"http://127.0.0.1:{port}/hook", {}, b"{}")
    return answer, time.monotonic() - started


def test_a_status_line_that_drips_ends_at_the_total_time(
    raw_server: RawServer, hasty: OneByOne
) -> None:
    def talk(connected: socket.socket) -> None:
        read_request(connected)
        drip(connected, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 500)

    answer, took = timed(hasty, raw_server(talk))
    assert answer.error == TOO_SLOW
    assert answer.timed_out
    assert 0.9 < took < LONG


def test_a_body_that_drips_ends_at_the_total_time_and_the_status_counts(
    raw_server: RawServer, hasty: OneByOne
) -> None:
    def talk(connected: socket.socket) -> None:
        read_request(connected)
        connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        drip(connected, b"x" * 500)

    answer, took = timed(hasty, raw_server(talk))
    assert (answer.status_code, answer.error, answer.timed_out) == (200, "", True)
    assert set(answer.excerpt) == {"x"}
    assert 0.9 < took < LONG


def test_silence_ends_at_the_total_time(raw_server: RawServer, hasty: OneByOne) -> None:
    def talk(connected: socket.socket) -> None:
        read_request(connected)
        connected.recv(1)

    answer, took = timed(hasty, raw_server(talk))
    assert answer.error == TOO_SLOW
    assert 0.9 < took < LONG


def test_a_receiver_that_does_not_read_ends_at_the_total_time(
    raw_server: RawServer, hasty: OneByOne
) -> None:
    over = threading.Event()

    def talk(connected: socket.socket) -> None:
        over.wait(2 * LONG)

    port = raw_server(talk)
    started = time.monotonic()
    answer = hasty.send(f"http://127.0.0.1:{port}/hook", {}, b"x" * 30_000_000)
    over.set()
    assert answer.timed_out
    assert time.monotonic() - started < LONG


def test_the_published_time_is_fifteen_seconds() -> None:
    assert Sender(RULES)._total_seconds == 15.0


def test_of_a_huge_body_only_64_kib_are_read(raw_server: RawServer, patient: OneByOne) -> None:
    taken: list[int] = []

    def talk(connected: socket.socket) -> None:
        read_request(connected)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        taken.append(0)
        while True:
            taken[0] += connected.send(b"x" * 4096)

    answer, _ = timed(patient, raw_server(talk))
    assert answer.status_code == 200
    assert answer.excerpt == "x" * 1024
    assert not answer.timed_out
    # What the kernel's buffers swallowed beyond that was never read.
    assert READ_BYTES <= taken[0] < 20_000_000


def test_a_packed_body_is_not_unpacked(receiver: Receiver, patient: OneByOne) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    receiver.answers = [Response(bomb, headers={"Content-Encoding": "gzip"})]
    answer = patient.send(receiver.url, {}, b"{}")
    assert answer.status_code == 200
    assert "000" not in answer.excerpt
    assert receiver.got[0][0]["accept-encoding"] == "identity"


def test_the_excerpt_is_text_that_a_database_can_keep(
    receiver: Receiver, patient: OneByOne
) -> None:
    receiver.answers = [Response(b"\x00\xff" + "é".encode() * 2000, status=500)]
    excerpt = patient.send(receiver.url, {}, b"{}").excerpt
    assert "\x00" not in excerpt
    assert len(excerpt.encode()) <= 1024


@pytest.mark.parametrize(
    "words",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200],
)
def test_what_is_not_http_is_told_in_a_sentence(
    raw_server: RawServer, patient: OneByOne, words: bytes
) -> None:
    def talk(connected: socket.socket) -> None:
        read_request(connected)
        connected.sendall(words)

    answer, _ = timed(patient, raw_server(talk))
    assert answer.status_code is None
    assert answer.error == "The endpoint broke the connection or answered something else than HTTP."


def test_a_broken_header_does_not_bring_the_url_into_the_log(
    raw_server: RawServer, patient: OneByOne, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def talk(connected: socket.socket) -> None:
        read_request(connected)
        connected.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nno header at all\r\na: b\r\n\r\n"
        )

    answer = patient.send(f"http://127.0.0.1:{raw_server(talk)}/hook?key=hidden", {}, b"{}")
    assert "something else than HTTP" in answer.error
    assert "hidden" not in caplog.text


def test_a_refused_connection_is_told_in_a_sentence(patient: OneByOne) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer, _ = timed(patient, port)
    assert answer.error == "The connection was refused."


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_each_2xx_is_success(receiver: Receiver, patient: OneByOne, code: int) -> None:
    receiver.answers = [Response(status=code)]
    assert patient.send(receiver.url, {}, b"{}").error == ""


@pytest.mark.parametrize("code", [400, 404, 410, 429, 500, 503])
def test_anything_else_is_a_failure_with_its_number(
    receiver: Receiver, patient: OneByOne, code: int
) -> None:
    receiver.answers = [Response("no", status=code, headers={"Retry-After": "7"})]
    answer = patient.send(receiver.url, {}, b"{}")
    assert str(code) in answer.error
    assert (answer.status_code, answer.excerpt, answer.retry_after) == (code, "no", "7")
    assert answer.final is (code == 410)
