"""Makes the tables, or stores the calls by batch_defer."""

import asyncio
import os

from benchmarks.peers.body import COUNT, DUE
from benchmarks.peers.procrastinate.app import app, call

AT_ONCE = 1_000


async def main() -> None:
    """`setup` makes tables; else all that BENCH_COUNT asks for."""
    async with app.open_async():
        if os.environ["BENCH_SCENARIO"] == "setup":
            await app.schema_manager.apply_schema_async()
            return
        for start in range(0, COUNT, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, COUNT))
            later = call.configure(schedule_at=DUE)
            await later.batch_defer_async(*({"number": number} for number in numbers))


if __name__ == "__main__":
    asyncio.run(main())
