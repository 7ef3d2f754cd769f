"""Procrastinate's app: one asynchronous task, which makes the call."""

import asyncio

import aiohttp
from procrastinate import App, PsycopgConnector

from benchmarks.peers.body import URL, body

CONCURRENCY = 100
app = App(connector=PsycopgConnector(min_size=4, max_size=20))
_session: list[aiohttp.ClientSession] = []


@app.task(name="call", queue="calls")  # type: ignore[untyped-decorator]  # no types here
async def call(number: int) -> None:
    """Makes the call."""
    async with _session[0].post(URL, json=body(number)) as answer:
        answer.raise_for_status()
        await answer.read()


async def work() -> None:
    """One worker process."""
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector) as session, app.open_async():
        _session.append(session)
        print("ready", flush=True)
        # jobs that become due are found by polling only; 5 s is the default
        await app.run_worker_async(
            queues=["calls"],
            concurrency=CONCURRENCY,
            fetch_job_polling_interval=0.25,
            install_signal_handlers=False,
        )


if __name__ == "__main__":
    asyncio.run(work())
