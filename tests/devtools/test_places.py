"""Where sockets go: the state directory when its path is short and plain, else /tmp."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools import places
from devtools.console import Stopped


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A home whose path is too long for a socket."""
    home = tmp_path / ("deep" * 30)
    home.mkdir()
    yield home
    places.forget(home)


def test_a_short_plain_path_is_used_as_it_is() -> None:
    assert places.fits_a_socket(Path("/home/ada/calls/.state/sock"))


@pytest.mark.parametrize(
    "path", ["/home/" + "a" * 90, "/home/ada lovelace/x", "/home/a,b", "/home/ü%"]
)
def test_long_and_unusual_paths_do_not_fit(path: str) -> None:
    assert not places.fits_a_socket(Path(path))


def test_a_deep_home_gets_a_private_directory_under_tmp(deep: Path) -> None:
    found = places.socket_dir(deep)
    assert places.fits_a_socket(found)
    assert stat.S_IMODE(found.stat().st_mode) == 0o700
    assert places.socket_dir(deep) == found


def test_somebody_elses_directory_is_refused_with_a_sentence(deep: Path) -> None:
    places.short_dir(deep).symlink_to(deep)  # what an attacker could put there
    try:
        with pytest.raises(Stopped, match="belongs to another user"):
            places.socket_dir(deep)
    finally:
        places.short_dir(deep).unlink()


def test_an_open_directory_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    assert stat.S_IMODE(places.private_dir(tmp_path / "open").stat().st_mode) == 0o700


def test_forgetting_a_home_removes_its_sockets_too(deep: Path) -> None:
    sockets = places.socket_dir(deep)
    places.forget(deep)
    assert not os.path.lexists(deep)
    assert not os.path.lexists(sockets)
