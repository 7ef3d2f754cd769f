"""The metadata that there is already is copied; what was written meanwhile is newer, and stays."""

from django.db import migrations

COPY = """
INSERT INTO scheduled_calls_callmetadata (call_id, metadata)
SELECT id, metadata FROM scheduled_calls_scheduledcall WHERE metadata <> '{}' ORDER BY id
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("scheduled_calls", "0008_call_metadata")]
    operations = [migrations.RunSQL(COPY, migrations.RunSQL.noop)]
