"""A message comes out of a queue: whatever it is, the worker goes on with the next one.

kombu and Celery trust what is in the queues: an exception while a message is taken in ends the
worker, which puts the message back as it ends and finds it again when it is started again. Here
messages are bells, and a bell that nobody can read may be lost: rows that wait are rung for again.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from queue import Empty
from typing import Any

from kombu import Connection
from kombu.transport.redis import Transport
from kombu.transport.virtual import Message
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, RedisError

log = logging.getLogger(__name__)
CONTENT_TYPE = "application/json"
#: seconds after which Redis gives a message that was not finished to somebody else
VISIBILITY_TIMEOUT = 3600
#: between two looks for a broker that was lost, in seconds
PAUSES = {"interval_start": 0.2, "interval_step": 0.4, "interval_max": 4}
_TEXT = (str, type(None))
#: what Celery takes on trust in a task's headers; one that is not of these kinds could end a worker
HEADERS: dict[str, tuple[type, ...]] = {
    "task": (str,),
    "id": (str,),
    "root_id": _TEXT,
    "parent_id": _TEXT,
    "group": _TEXT,
    "argsrepr": _TEXT,
    "kwargsrepr": _TEXT,
    "shadow": _TEXT,
    "origin": _TEXT,
    "eta": _TEXT,
    "expires": _TEXT,
    "retries": (int, type(None)),
    "timelimit": (list, type(None)),
}
#: arguments, named arguments, and what is to follow
BODY = (list, dict, dict)


class PlainMessage(Message):
    """A message as this project sends them: never compressed, so that none swells in memory."""

    def __init__(self, payload: Any, channel: Any = None, **kwargs: Any) -> None:
        if (payload.get("headers") or {}).get("compression"):
            raise ValueError("compressed")
        super().__init__(payload, channel, **kwargs)


class PatientChannel:
    """Mixed into kombu's Redis channel: nothing that is in a queue, or that breaks, ends a worker.

    What cannot be taken in is dropped with a line in the log.
    """

    Message = PlainMessage

    def _brpop_read(self, **options: Any) -> Any:
        """As kombu's, for a message of a queue."""
        return _heard(super()._brpop_read, options)  # type: ignore[misc]

    def _receive(self, **options: Any) -> Any:
        """As kombu's, for a message to all workers; never waits for one that is not there.

        What is readable may have been read already, and kombu would wait for ever, deaf to queues.
        """
        return not _is_silent(self.subclient) and _heard(super()._receive, options)  # type: ignore[misc, attr-defined]

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        """As kombu's; redis's ConnectionError when the connection has been closed.

        A broken connection may be closed before its channels are, and these then want to give back
        what they hold: kombu's AttributeError would end the worker, which is not ready for it.
        """
        if self.connection is None or self.connection.client is None:  # type: ignore[attr-defined]
            raise RedisConnectionError("the connection has been closed")
        return super()._connparams(*args, **kwargs)  # type: ignore[misc]

    def basic_consume(
        self, queue: str, no_ack: bool, callback: Callable[[Any], Any], *args: Any, **kwargs: Any
    ) -> Any:
        """As kombu's; a message that its consumer cannot take is acknowledged all the same."""

        def patient(message: Any) -> Any:
            try:
                if not (queue.endswith(".pidbox") or queue.startswith("celeryev")):
                    refuse_misshapen(message)  # Celery's own talk is no task
                return callback(message)
            except RedisError:
                raise
            except Exception as error:
                log.warning("message_dropped queue=%s: %s", queue, type(error).__name__)
                message.reject()

        return super().basic_consume(queue, no_ack, patient, *args, **kwargs)  # type: ignore[misc]


def refuse_misshapen(message: Any) -> None:
    """Raises ValueError, or whatever else is wrong, for what cannot be a task of ours or yours."""
    if message.content_type != CONTENT_TYPE:
        raise ValueError("content type")
    for name, kinds in HEADERS.items():
        required = type(None) not in kinds
        if (required or name in message.headers) and type(message.headers[name]) not in kinds:
            raise ValueError(name)
    if eta := message.headers.get("eta"):
        ahead = datetime.fromisoformat(eta).timestamp() - time.time()
        if ahead > VISIBILITY_TIMEOUT:  # Redis would give it to one worker after the other
            raise ValueError("eta")
    limits = message.headers.get("timelimit") or (None, None)
    if len(limits) != 2 or not all(type(limit) in (int, float, type(None)) for limit in limits):
        raise ValueError("timelimit")
    body = message.payload  # kept by kombu, so it is not read twice
    if type(body) is not list or tuple(type(part) for part in body) != BODY:
        raise ValueError("body")


def _is_silent(listening: Any) -> bool:
    """Whether a connection that is subscribed has nothing to tell; one that broke has."""
    try:
        connection = listening.connection
        return connection is not None and not connection.can_read(timeout=0)
    except (RedisError, OSError):
        return False


def _heard(read: Callable[..., Any], options: dict[str, Any]) -> Any:
    """What `read` returns; True, which is "there was a message", when that could not be read."""
    try:
        return read(**options)
    except OutOfMemoryError:  # it could not be noted as being worked on: the broker is full
        log.warning("message_dropped: OutOfMemoryError")
    except (Empty, RedisError, OSError):
        raise
    except Exception as error:
        log.warning("message_dropped: %s", type(error).__name__)
    return True


@lru_cache(maxsize=4)
def patient(transport: Any) -> Any:
    """Redis's transport class with patient channels; any other as it is."""
    if not issubclass(transport, Transport):
        return transport
    channel = type("Channel", (PatientChannel, transport.Channel), {})
    return type("Transport", (transport,), {"Channel": channel})


class Broker(Connection):
    """Looks for a lost broker again soon, and at least every few seconds.

    kombu's pauses are 2 s at the beginning, when most brokers are back already, and grow to 30.
    """

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """As kombu's, with shorter pauses, in seconds."""
        return super().ensure_connection(*args, **{**PAUSES, **kwargs})

    def get_transport_cls(self) -> Any:
        """As kombu's; Redis's in its patient form."""
        found: Any = super().get_transport_cls()
        return patient(found)
