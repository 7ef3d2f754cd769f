"""Celery's app: messages carry ids, are JSON, keep no results, and may be lost at any moment."""

import os

from celery import Celery
from celery.app.amqp import AMQP
from kombu import Queue

from scheduler_project.broker import VISIBILITY_TIMEOUT, Broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")


class Wire(AMQP):
    """Celery's, with our connections."""

    Connection = Broker


app = Celery("scheduler_project", amqp=Wire)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    # Queues are declared, so that a plain `celery worker` reads them all.
    task_queues=[Queue(name, routing_key=name) for name in ("calls", "webhooks", "upkeep")],
    task_default_queue="upkeep",
    task_default_routing_key="upkeep",
    task_routes={
        "executions.place_calls": {"queue": "calls"},
        "executions.place_due": {"queue": "calls"},
        "webhooks.*": {"queue": "webhooks"},
    },
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    enable_utc=True,
    timezone="UTC",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_soft_shutdown_timeout=20.0,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # What Redis refuses (being full, read-only, loading) passes; else it would end a worker.
    broker_channel_error_retry=True,
    # A publisher must not hang on a silent Redis, above all not the API: the row is safe, and the
    # bell is rung again.
    broker_transport_options={
        "socket_timeout": 2,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "retry_on_timeout": False,
        "health_check_interval": 10,
        "max_retries": 0,
        "visibility_timeout": VISIBILITY_TIMEOUT,
    },
    task_publish_retry=False,
    beat_scheduler="executions.beat:CallScheduler",
    # for PeriodicTasks; scheduled calls have a rhythm of their own
    beat_max_loop_interval=2.0,
)
app.autodiscover_tasks()
