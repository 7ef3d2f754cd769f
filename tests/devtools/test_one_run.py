"""One `run` in a clone, on a free port; what stands in the way is said in a sentence."""

import socket
from pathlib import Path

import pytest

from devtools.console import Stopped
from devtools.run import refuse_taken_port
from devtools.single import is_running, only_one

URL = "http://127.0.0.1:8010"


def test_a_second_run_is_told_where_the_first_one_is(tmp_path: Path) -> None:
    told = pytest.raises(Stopped, match=rf"already running at {URL} \(pid ")
    with only_one(tmp_path, URL), told, only_one(tmp_path, URL):
        pytest.fail("two at once")


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    with only_one(tmp_path, URL):
        assert is_running(tmp_path)
    assert not is_running(tmp_path)
    with only_one(tmp_path, URL):
        assert is_running(tmp_path)


def test_a_clone_that_never_ran_is_not_running(tmp_path: Path) -> None:
    assert not is_running(tmp_path)


def test_a_taken_port_is_refused_with_another_to_choose() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Stopped, match=f"port {port} cannot be used.*--port"):
            refuse_taken_port(port)


def test_a_free_port_is_accepted() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    refuse_taken_port(port)
