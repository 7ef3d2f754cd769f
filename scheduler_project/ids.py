"""Names rows: UUIDv7, so that new rows land side by side in an index and sort by age."""

import os
import threading
import time
from uuid import UUID

_last = 0
_turn = threading.Lock()


def uuid7() -> UUID:
    """A new UUID version 7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then chance.

    Within a process each is greater than the one before, also within a millisecond.
    """
    global _last
    fields = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10), "big")
    versioned = (fields & ~(0xF000 << 64)) | (0x7000 << 64)
    with _turn:
        _last = max((versioned & ~(0xC000 << 48)) | (0x8000 << 48), _last + 1)
        return UUID(int=_last)


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
