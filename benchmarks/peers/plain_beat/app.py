"""Celery's app: one task, which makes the call."""

import os

from celery import Celery

from benchmarks.peers.body import post

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.plain_beat.settings")
app = Celery("plain_beat")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(name="call")
def call(number: int) -> None:
    """Makes the call."""
    post(number)
