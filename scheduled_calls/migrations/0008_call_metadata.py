"""`?metadata.<key>=` looks through a table of its own, whose index no ring has to write in.

In three migrations, so that workers may go on meanwhile: each takes one kind of lock, and none for
long. From this one on new metadata is kept, the next one copies what there is.
"""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

# A conflict (a row that somebody left behind) must not stop a call from being scheduled.
KEEP = """
CREATE FUNCTION write_call_metadata() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO scheduled_calls_callmetadata (call_id, metadata)
    SELECT id, metadata FROM fresh WHERE metadata <> '{}'
    ON CONFLICT (call_id) DO UPDATE SET metadata = excluded.metadata;
    RETURN NULL;
END $$;

CREATE FUNCTION change_call_metadata() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM scheduled_calls_callmetadata WHERE call_id = OLD.id;
    INSERT INTO scheduled_calls_callmetadata (call_id, metadata)
    SELECT NEW.id, NEW.metadata WHERE NEW.metadata <> '{}'
    ON CONFLICT (call_id) DO UPDATE SET metadata = excluded.metadata;
    RETURN NULL;
END $$;

CREATE TRIGGER call_metadata_written AFTER INSERT ON scheduled_calls_scheduledcall
REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION write_call_metadata();

CREATE TRIGGER call_metadata_changed
AFTER UPDATE OF id, metadata ON scheduled_calls_scheduledcall FOR EACH ROW
WHEN ((OLD.id, OLD.metadata) IS DISTINCT FROM (NEW.id, NEW.metadata))
EXECUTE FUNCTION change_call_metadata();
"""
UNDO = """
DROP TRIGGER call_metadata_changed ON scheduled_calls_scheduledcall;
DROP TRIGGER call_metadata_written ON scheduled_calls_scheduledcall;
DROP FUNCTION change_call_metadata();
DROP FUNCTION write_call_metadata();
"""


class Migration(migrations.Migration):
    dependencies = [("scheduled_calls", "0007_room_on_pages")]

    operations = [
        migrations.CreateModel(
            name="CallMetadata",
            fields=[
                (
                    "call",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="kept_metadata",
                        serialize=False,
                        to="scheduled_calls.scheduledcall",
                    ),
                ),
                ("metadata", models.JSONField()),
            ],
            options={"verbose_name_plural": "call metadata"},
        ),
        migrations.RunSQL(KEEP, UNDO),
        migrations.AddIndex(
            model_name="callmetadata",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["metadata"], name="call_metadata_values", opclasses=["jsonb_path_ops"]
            ),
        ),
    ]
