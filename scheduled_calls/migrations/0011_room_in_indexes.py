"""Room for a call's second version, in its table and in the indexes that grow at one end.

A ring writes its call twice: moved on, which every index hears of, and completed, which none does
while there is room on the page. A campaign's calls stand beside each other and are rung together:
with a fifth of each page free, half of them found none; with two fifths, one in ten. And a full
index page is split for the second versions anyway: half empty from the start costs no split, and
no search of the page for what could be thrown away before it. Where entries come in no order (calls
by number, unless a list is sorted) PostgreSQL splits in halves in any case, and this says nothing.
"""

from django.db import migrations

INDEXES = (
    "scheduled_calls_scheduledcall_pkey",
    "scheduled_calls_scheduledcall_clocked_id_key",
    "scheduled_call_agent",
    "scheduled_call_newest",
    "scheduled_call_number",
)


class Migration(migrations.Migration):
    dependencies = [("scheduled_calls", "0010_metadata_index")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE scheduled_calls_scheduledcall SET (fillfactor = 60)",
            "ALTER TABLE scheduled_calls_scheduledcall SET (fillfactor = 80)",
        ),
        *(
            migrations.RunSQL(
                f"ALTER INDEX {name} SET (fillfactor = 50)",
                f"ALTER INDEX {name} RESET (fillfactor)",
            )
            for name in INDEXES
        ),
    ]
