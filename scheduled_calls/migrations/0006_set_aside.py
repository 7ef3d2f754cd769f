"""`?status=paused` finds the few among a million calls: they are written down beside them."""

import django.db.models.deletion
from django.db import migrations, models

ASIDE = "('paused', 'cancelled', 'missed')"
# A call's completion, which is a step of each ring, asks no more of these than the two conditions.
KEEP = f"""
CREATE FUNCTION set_call_aside() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status IN {ASIDE} THEN
        INSERT INTO scheduled_calls_setaside (call_id, status) VALUES (NEW.id, NEW.status)
        ON CONFLICT (call_id) DO UPDATE SET status = excluded.status;
    ELSE
        DELETE FROM scheduled_calls_setaside WHERE call_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER call_made_aside AFTER INSERT ON scheduled_calls_scheduledcall FOR EACH ROW
WHEN (NEW.status IN {ASIDE}) EXECUTE FUNCTION set_call_aside();

CREATE TRIGGER call_set_aside AFTER UPDATE OF status ON scheduled_calls_scheduledcall FOR EACH ROW
WHEN (OLD.status <> NEW.status AND (OLD.status IN {ASIDE} OR NEW.status IN {ASIDE}))
EXECUTE FUNCTION set_call_aside();

INSERT INTO scheduled_calls_setaside (call_id, status)
SELECT id, status FROM scheduled_calls_scheduledcall WHERE status IN {ASIDE} ORDER BY id;
"""  # noqa: S608  own constants
UNDO = """
DROP TRIGGER call_set_aside ON scheduled_calls_scheduledcall;
DROP TRIGGER call_made_aside ON scheduled_calls_scheduledcall;
DROP FUNCTION set_call_aside();
"""


class Migration(migrations.Migration):
    dependencies = [("scheduled_calls", "0005_health_counts")]

    operations = [
        migrations.CreateModel(
            name="SetAside",
            fields=[
                (
                    "call",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="set_aside",
                        serialize=False,
                        to="scheduled_calls.scheduledcall",
                    ),
                ),
                ("status", models.CharField(max_length=16)),
            ],
            options={
                "indexes": [models.Index(fields=["status", "-call"], name="set_aside_list")],
            },
        ),
        migrations.RunSQL(KEEP, UNDO),
    ]
