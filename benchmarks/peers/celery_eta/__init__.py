"""Celery with an ETA: each call a message that waits in a worker's memory."""
