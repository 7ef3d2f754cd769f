"""A connection to a broker that died can be closed, whatever was under way on it.

A worker closes what broke before it looks for the broker again; what it cannot close ends it.
"""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kombu import Connection, Consumer, Queue
from kombu.common import ignore_errors

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
