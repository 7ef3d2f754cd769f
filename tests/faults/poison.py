"""Messages that no front door sends: unreadable, misshapen, forged, swollen, doubled."""

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

QUEUES = ("calls", "webhooks", "upkeep")
CALLS = ("executions.place_calls", "executions.place_due", "executions.look_after")
TASKS = (*CALLS, "webhooks.deliver")
#: Celery's own, which every worker knows too
BUILT_IN = ("celery.backend_cleanup", "celery.chord_unlock", "celery.starmap", "celery.chain")
LARGE = 5 * 1024 * 1024
DEEP = "[" * 100_000 + "]" * 100_000
#: Python's pickle of a call that must never be made: it would end the process
PICKLED = b"cos\n_exit\n(I9\ntR."
MISSING = object()


def envelope(task: object, content: Any, queue: str = "calls", **changes: Any) -> dict[str, Any]:
    """A message as kombu keeps it in a Redis list; `content` is bytes, or becomes JSON."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    id_ = str(uuid4())
    headers = {"lang": "py", "task": task, "id": id_, "root_id": id_, "retries": 0}
    headers |= {"argsrepr": "", "kwargsrepr": "", "origin": "nobody"}
    properties = {
        "correlation_id": id_,
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": queue},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid4()),
    }
    for place in (headers, properties):
        place |= {name: changes.pop(name) for name in list(changes) if name in place}
    made = {
        "body": base64.b64encode(raw).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers | changes.pop("more", {}),
        "properties": properties,
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in made.items() if value is not MISSING}


def called(ids: object) -> list[Any]:
    """The body of a task that is given ids."""
    return [[ids], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]


def forged(queue: str, ids: Sequence[str]) -> list[bytes]:
    """Every task of ours rung with these ids, whatever they are the ids of."""
    fitting = [envelope(task, called(list(ids)), queue) for task in TASKS]
    return [json.dumps(message).encode() for message in fitting]


def bell_for_nobody() -> bytes:
    """A message that is in order and names an execution that there is not."""
    return forged("calls", [str(uuid4())])[0]


def swollen(queue: str, ids: Sequence[str]) -> list[bytes]:
    """Messages of 5 MB and more: a text, and ids again and again."""
    large = ["x" * LARGE, list(ids) * (LARGE // 40 // len(ids))]
    return [json.dumps(envelope(TASKS[0], called(given), queue)).encode() for given in large]


def misshapen(queue: str, ids: Sequence[str]) -> dict[str, bytes]:
    """By name: messages that cannot be taken in, or whose task cannot be run."""
    task, good = TASKS[0], called(list(ids))
    made: dict[str, Any] = {
        "a number": 7,
        "a list": [good],
        "nothing": {},
        "no body": envelope(task, good, queue, body=MISSING),
        "body not base64": envelope(task, good, queue, body="!"),
        "body a number": envelope(task, good, queue, body=7),
        "no headers": envelope(task, good, queue, headers=MISSING),
        "headers a list": envelope(task, good, queue, headers=["task"]),
        "no task": envelope(task, good, queue, headers={"id": "7"}),
        "no id": envelope(task, good, queue, headers={"task": task}),
        "task a list": envelope([task], good, queue),
        "unknown task": envelope("executions.ring_everybody", good, queue),
        "no properties": envelope(task, good, queue, properties=MISSING),
        "no delivery info": envelope(task, good, queue, delivery_info=None),
        "tag a list": envelope(task, good, queue, delivery_tag=["t"]),
        "no tag": envelope(task, good, queue, properties={"body_encoding": "base64"}),
        "unknown encoding": envelope(task, good, queue, body_encoding="rot13"),
        "pickle": envelope(task, PICKLED, queue, content_type="application/x-python-serialize"),
        "yaml": envelope(task, b"- 7", queue, content_type="application/x-yaml"),
        "no content type": envelope(task, good, queue, content_type=MISSING),
        "content type a list": envelope(task, good, queue, content_type=["json"]),
        "charset of nowhere": envelope(task, good, queue, content_encoding="utf-99"),
        "compressed": envelope(
            task, zlib.compress(b"[" * LARGE), queue, more={"compression": "application/x-gzip"}
        ),
        "compressed somehow": envelope(task, good, queue, more={"compression": ["?"]}),
        "expires somehow": envelope(task, good, queue, more={"expires": ["never"]}),
        "eta somehow": envelope(task, good, queue, more={"eta": {"at": 7}}),
        "eta at the end of time": envelope(
            task, good, queue, more={"eta": "9999-12-31T23:59:59.999999+00:00"}
        ),
        "limits somehow": envelope(task, good, queue, more={"timelimit": 7}),
        "repr a number": envelope(task, good, queue, argsrepr=7),
        "not JSON inside": envelope(task, b"{", queue),
        "deep inside": envelope(task, DEEP.encode(), queue),
        "a number inside": envelope(task, 7, queue),
        "null inside": envelope(task, None, queue),
        "two of three inside": envelope(task, [[], {}], queue),
        "args a number": envelope(task, [7, {}, {}], queue),
        "kwargs a list": envelope(task, [[], [7], {}], queue),
        "embed a number": envelope(task, [[], {}, 7], queue),
        "the first protocol": envelope(
            task, {"task": task, "id": "7", "args": 7}, queue, headers={}
        ),
        "unknown argument": envelope(task, [[], {"whom": "everybody"}, {}], queue),
        "too many arguments": envelope(task, [[1, 2, 3], {}, {}], queue),
        "callbacks of nobody": envelope(task, [[[]], {}, {"callbacks": [7], "chain": 7}], queue),
        "ids a number": envelope(task, called(7), queue),
        "ids an object": envelope(task, called({"id": ids[0]}), queue),
        "ids in a list of lists": envelope(task, called([[[list(ids)]]]), queue),
        "ids of all kinds": envelope(task, called([None, 7, "x", "\x00", {}, *ids]), queue),
        **{f"built in: {name}": envelope(name, good, queue) for name in BUILT_IN},
        **{f"retried for ever: {name}": envelope(name, good, queue, retries=-1) for name in TASKS},
    }
    raw = {name: json.dumps(message).encode() for name, message in made.items()}
    return raw | {
        "not JSON": b"\x80\x04 not JSON",
        "not UTF-8": b'"\xff\xfe"',
        "empty": b"",
        "deep": DEEP.encode(),
        "a number of many digits": b"9" * 10_000,
    }
