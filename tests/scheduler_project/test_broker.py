"""A broker that died ends no worker: its connection is closed, and it is looked for again soon.

A worker closes what broke, whatever was under way on it; what it cannot close ends it.
"""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kombu import Connection, Consumer, Queue
from kombu.common import ignore_errors
from kombu.exceptions import OperationalError

from devtools.console import Stopped
from devtools.servers import THROW_AWAY, locked
from devtools.supervisor import Supervisor
from devtools.valkey import Valkey
from scheduler_project.celery import app
from tests.faults.poison import forged
from tests.system import redis_client

NAME = "calls"


@pytest.fixture
def broken() -> Iterator[Connection]:
    """One that had taken a message, and waited for more on two channels, when its broker died."""
    with (
        tempfile.TemporaryDirectory(prefix=THROW_AWAY) as folder,
        locked(Path(folder)),
        Supervisor(Path(folder)) as supervisor,
    ):
        try:
            valkey = Valkey(Path(folder))
        except Stopped as stopped:  # servers were given, and none is here to be killed
            pytest.skip(str(stopped))
        supervisor.start(valkey.program())
        connection = app.connection_for_read(valkey.url)
        taken: list[object] = []
        channels = [connection.default_channel, connection.channel()]
        for channel, name in zip(channels, (NAME, "another"), strict=True):
            queue = Queue(name, routing_key=name)
            Consumer(channel, [queue], on_message=taken.append).consume()
        with redis_client(valkey.url) as client:
            client.lpush(NAME, *forged(NAME, ["an id"]))
        with suppress(TimeoutError):  # there is no second message
            while True:
                connection.drain_events(timeout=0.2)
        assert taken
        supervisor.children[0].kill_group()
        supervisor.children[0].process.wait()
        yield connection


def test_it_is_closed_as_a_worker_closes_it(broken: Connection) -> None:
    with suppress(Exception):
        broken.collect(socket_timeout=1)
    ignore_errors(broken, broken.close)


def test_it_is_looked_for_again_soon_and_then_less_often(tmp_path: Path) -> None:
    nobody = app.connection_for_read(f"redis+socket://{tmp_path}/nobody.sock?virtual_host=0")
    pauses: list[float] = []
    with pytest.raises(OperationalError):
        nobody.ensure_connection(lambda _, pause: pauses.append(pause), max_retries=2)
    assert pauses == pytest.approx([0.2, 0.6])
