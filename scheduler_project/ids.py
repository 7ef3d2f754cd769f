"""Names rows: UUIDv7, so that new rows land side by side in an index and sort by age."""

import os
import threading
import time
from uuid import UUID, SafeUUID

_last = 0
_turn = threading.Lock()
# Past UUID's own `__init__`, which checks its arguments for longer than making one takes, and past
# its `__setattr__`, which keeps it from being changed.
_new = UUID.__new__
_set_number, _set_safety = (vars(UUID)[name].__set__ for name in ("int", "is_safe"))
_UNKNOWN = SafeUUID.unknown


def uuid7() -> UUID:
    """A new UUID version 7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then chance.

    Within a process each is greater than the one before, also within a millisecond.
    """
    return uuid7s(1)[0]


def uuid7s(count: int) -> list[UUID]:
    """So many new ones, in order."""
    global _last
    now, chance = time.time_ns() // 1_000_000 << 80, os.urandom(10 * count)
    made = []
    with _turn:
        for start in range(0, 10 * count, 10):
            fields = now | int.from_bytes(chance[start : start + 10], "big")
            versioned = fields & ~(0xF000 << 64 | 0xC000 << 48) | 0x7000 << 64 | 0x8000 << 48
            _last = max(versioned, _last + 1)
            made.append(uuid_of(_last))
    return made


def uuid_of(number: int) -> UUID:
    """The UUID of these 128 bits."""
    made = _new(UUID)
    _set_number(made, number)
    _set_safety(made, _UNKNOWN)
    return made


def first_uuid7_at(seconds: float) -> UUID:
    """The least UUIDv7 of that Unix time (of 1970 for what was before): a bound, never an id."""
    milliseconds = max(0, int(seconds * 1000))
    return UUID(int=(milliseconds << 80) | (0x7000 << 64) | (0x8000 << 48))


def as_uuid(text: str) -> UUID | None:
    """The id that a text is; None when it is other text."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None
