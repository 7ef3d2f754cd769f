"""Stores the calls: a message each, over one connection."""

from benchmarks.peers.body import COUNT, DUE
from benchmarks.peers.celery_eta.app import app, call


def main() -> None:
    """All that BENCH_COUNT asks for."""
    with app.producer_pool.acquire(block=True) as producer:
        for number in range(COUNT):
            call.apply_async((number,), eta=DUE, producer=producer)


if __name__ == "__main__":
    main()
