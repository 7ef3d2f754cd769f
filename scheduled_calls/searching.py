"""An operator searches for a part of a name, number, agent or id: where the text is kept and filed.

A trigger writes the text of each call into a narrow table of its own (5 µs). Trigrams, which are
dear, are filed later, when people do search: by `file`, some thousand calls at a time. Until then,
and where PostgreSQL has no pg_trgm, the texts are read one after the other, which finds the same.
"""

from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import Q, Value
from django.db.models.functions import Upper

from scheduled_calls.models import SearchText

#: so many texts that are not filed cost a search nothing
UNFILED = 2_000
#: texts that are filed in one go, some 0.1 s
BATCH = 500
TRIGRAMS = "scheduled_call_trigrams"
#: as the migration makes it; for a database whose owner adds pg_trgm later
MAKE_TRIGRAMS = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE INDEX scheduled_call_trigrams ON "
    "scheduled_calls_searchtext USING gin (text gin_trgm_ops) "
    "WITH (gin_pending_list_limit = 1024) WHERE filed;"
)
_LOCK = 0x5EA4C4
_TABLE = SearchText._meta.db_table
_CAN_FILE = "SELECT to_regclass(%s) IS NOT NULL AND pg_try_advisory_xact_lock(%s)"
# ARRAY( ), which is read once: in a join PostgreSQL may read a limited list again for each row, and
# then it passes by what has just been written, and finds more and more.
_FILE = f"""
UPDATE {_TABLE} SET filed = true WHERE call_id = ANY(ARRAY(
    SELECT call_id FROM {_TABLE} WHERE NOT filed ORDER BY call_id LIMIT %s FOR UPDATE SKIP LOCKED))
"""  # noqa: S608  own constants


def holds(words: str) -> Q:
    """The calls whose name, number, agent or last group of the id has these words as a part."""
    part: models.Expression = Upper(Value(words))
    # Both say the same of the text; they are two, since each has an index of its own.
    return Q(search_text__filed=True, search_text__text__contains=part) | Q(
        search_text__filed=False, search_text__text__contains=part
    )


def begins(part: str) -> Q:
    """The calls whose id begins so; `part` is written as in a UUID."""
    lowest, highest = (
        UUID(part + f"{digit * 8}-{(digit * 4 + '-') * 3}{digit * 12}"[len(part) :])
        for digit in "0f"
    )
    return Q(pk__gte=lowest, pk__lte=highest)


def is_behind() -> bool:
    """Whether searches would be quicker if `file` were called."""
    waiting = SearchText.objects.filter(filed=False).values("pk")[: UNFILED + 1]
    return waiting.count() > UNFILED and can_file()


def can_file() -> bool:
    """Whether there is an index of trigrams."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [TRIGRAMS])
        return bool(cursor.fetchone()[0])


def file(most: int = BATCH) -> int:
    """Files so many texts under their trigrams; how many. One process at a time, others get 0."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CAN_FILE, [TRIGRAMS, _LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_FILE, [most])
        return int(cursor.rowcount)
