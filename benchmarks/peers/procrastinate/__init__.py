"""Procrastinate: jobs are rows of PostgreSQL with a `schedule_at`."""
