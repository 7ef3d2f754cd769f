"""Stores the calls: add_job, one by one, since it has nothing else."""

from benchmarks.peers.apscheduler.app import scheduler
from benchmarks.peers.body import COUNT, DUE, post


def main() -> None:
    """All that BENCH_COUNT asks for."""
    store = scheduler()
    store.start(paused=True)
    for number in range(COUNT):
        store.add_job(post, "date", run_date=DUE, args=(number,), id=str(number))
    store.shutdown()


if __name__ == "__main__":
    main()
