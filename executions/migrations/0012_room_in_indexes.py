"""Room for the second version, which each execution and attempt gets with its outcome.

As `scheduled_calls/0011_room_in_indexes.py`, for the indexes that grow at one end.
"""

from django.db import migrations

INDEXES = (
    "execution_history",
    "execution_newest",
    "executions_execution_opened_key",
    "executions_attempt_pkey",
)


class Migration(migrations.Migration):
    dependencies = [("executions", "0011_execution_final_after")]

    operations = [
        migrations.RunSQL(
            f"ALTER INDEX {name} SET (fillfactor = 50)",
            f"ALTER INDEX {name} RESET (fillfactor)",
        )
        for name in INDEXES
    ]
