"""The frame that carries the three rooms: settings, celery, urls, auth, errors, health."""

from scheduler_project.celery import app as celery_app

__all__ = ["celery_app"]
