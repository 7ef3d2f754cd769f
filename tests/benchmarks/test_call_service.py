"""The benchmarks' call service takes requests as they come: in pieces, several at once, late."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from benchmarks.call_service import delay_of, requests_in
from benchmarks.service import Service

ONE = b"POST /run/d0/calls HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running call service."""
    folder: Path = tmp_path_factory.mktemp("service")
    with Service.started(folder) as running:
        yield running


def test_a_request_in_pieces_is_read_once_it_is_whole() -> None:
    buffer = bytearray()
    for place in range(len(ONE) - 1):
        buffer += ONE[place : place + 1]
        assert list(requests_in(buffer)) == []
    buffer += ONE[-1:]
    assert list(requests_in(buffer)) == [(b"POST", b"/run/d0/calls", b"{}")]
    assert not buffer


def test_several_requests_in_one_piece_are_all_read() -> None:
    assert len(list(requests_in(bytearray(ONE * 3)))) == 3


def test_a_body_without_a_length_is_refused_rather_than_misread() -> None:
    chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    with pytest.raises(ValueError, match="chunked"):
        list(requests_in(bytearray(chunked)))


def test_the_path_says_how_long_to_wait() -> None:
    assert delay_of(b"/run/d100/calls") == 0.1
    assert delay_of(b"/run/hang/1") < 0
    assert delay_of(b"/anything/else") == 0


def test_what_was_heard_can_be_read_by_run(service: Service) -> None:
    for run in ("one", "other", "one"):
        answer = requests.post(service.url(run, 0) + "/calls", json={"n": 1}, timeout=10)
        assert answer.json()["status"] == "completed"
    lines = [json.loads(line) for line in service.log("one").splitlines()]
    assert [(line["path"], line["body"]) for line in lines] == [("/one/d0/calls", '{"n": 1}')] * 2
    assert abs(lines[0]["at"] - time.time()) < 60


def test_a_slow_answer_comes_after_its_time(service: Service) -> None:
    begin = time.monotonic()
    requests.post(service.url("slow", 150) + "/calls", json={}, timeout=10)
    assert 0.15 <= time.monotonic() - begin < 5
