"""Warns where searches are slow: the database has no trigrams."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError

from scheduled_calls.searching import MAKE_TRIGRAMS, can_file


@register(Tags.database)
def searches_are_quick(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """PostgreSQL's own extension pg_trgm is there, and an index of trigrams."""
    if not databases:
        return []
    try:
        if can_file():
            return []
    except DatabaseError:
        return []  # others say that the database is away
    hint = f"As the database's owner: {MAKE_TRIGRAMS}"
    return [Warning("Searches read all texts.", hint=hint, id="scheduled_calls.W001")]
