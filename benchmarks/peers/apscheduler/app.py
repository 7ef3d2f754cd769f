"""Makes the calls: one scheduler process with a pool of threads."""

import time

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

THREADS = 100


def scheduler() -> BackgroundScheduler:
    """Jobs in PostgreSQL (libpq reads PGHOST and the like); a late job still runs."""
    return BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore("postgresql+psycopg2://")},
        executors={"default": ThreadPoolExecutor(THREADS, {})},
        job_defaults={"misfire_grace_time": None, "coalesce": True},
        timezone="UTC",
    )


def main() -> None:
    """For ever."""
    scheduler().start()
    print("ready", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
