"""Celery's app: one task, which makes the call."""

import os

from celery import Celery

from benchmarks.peers.body import post

app = Celery("celery_eta", broker=os.environ["REDIS_URL"])
app.conf.update(
    task_ignore_result=True,
    timezone="UTC",
    # its documentation: longer than the longest ETA, else all is sent again
    broker_transport_options={"visibility_timeout": 12 * 3600},
)


@app.task(name="call")
def call(number: int) -> None:
    """Makes the call."""
    post(number)
