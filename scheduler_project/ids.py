"""Names rows: UUIDv7, so that new rows land side by side in an index and sort by age."""

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """A new UUID version 7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then chance."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF000 << 64)) | (0x7000 << 64)
    return UUID(int=(value & ~(0xC000 << 48)) | (0x8000 << 48))
