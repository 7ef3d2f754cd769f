"""`?search=` finds a part of a name among a million calls: their texts, and trigrams of them."""

from contextlib import suppress
from typing import Any

import django.db.models.deletion
from django.db import DatabaseError, migrations, models, transaction

TEXT = "upper(concat_ws(E'\\n', name, agent_id, phone_number, right(id::text, 12)))"
# A conflict (a row that somebody left behind) must not stop a call from being scheduled.
KEEP = f"""
CREATE FUNCTION write_search_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO scheduled_calls_searchtext (call_id, text) SELECT id, {TEXT} FROM fresh
    ON CONFLICT (call_id) DO UPDATE SET text = excluded.text, filed = false;
    RETURN NULL;
END $$;

CREATE FUNCTION change_search_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE scheduled_calls_searchtext SET call_id = fresh.id, text = {TEXT}, filed = false
    FROM (SELECT NEW.*) fresh WHERE call_id = OLD.id;
    RETURN NULL;
END $$;

CREATE TRIGGER search_text_written AFTER INSERT ON scheduled_calls_scheduledcall
REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION write_search_text();

CREATE TRIGGER search_text_changed
AFTER UPDATE OF id, name, agent_id, phone_number ON scheduled_calls_scheduledcall FOR EACH ROW
WHEN ((OLD.id, OLD.name, OLD.agent_id, OLD.phone_number)
    IS DISTINCT FROM (NEW.id, NEW.name, NEW.agent_id, NEW.phone_number))
EXECUTE FUNCTION change_search_text();

INSERT INTO scheduled_calls_searchtext (call_id, text)
SELECT id, {TEXT} FROM scheduled_calls_scheduledcall ORDER BY id;
"""  # noqa: S608  own constants
UNDO = """
DROP TRIGGER search_text_changed ON scheduled_calls_scheduledcall;
DROP TRIGGER search_text_written ON scheduled_calls_scheduledcall;
DROP FUNCTION change_search_text();
DROP FUNCTION write_search_text();
"""
# How many calls a part of a text finds is guessed from a sample of the texts.
SAMPLE = "ALTER TABLE scheduled_calls_searchtext ALTER text SET STATISTICS 500"
TRIGRAMS = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX scheduled_call_trigrams ON scheduled_calls_searchtext
USING gin (text gin_trgm_ops) WITH (gin_pending_list_limit = 1024) WHERE filed;
"""


def index_trigrams(apps: Any, schema_editor: Any) -> None:
    """pg_trgm comes with PostgreSQL, and a database's owner may create it.

    Where it cannot be had, searches read all texts, and `manage.py check --database default` warns.
    """
    with suppress(DatabaseError), transaction.atomic(), schema_editor.connection.cursor() as cursor:
        cursor.execute(TRIGRAMS)


class Migration(migrations.Migration):
    dependencies = [("scheduled_calls", "0003_quick_reads")]

    operations = [
        migrations.CreateModel(
            name="SearchText",
            fields=[
                (
                    "call",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search_text",
                        serialize=False,
                        to="scheduled_calls.scheduledcall",
                    ),
                ),
                ("text", models.TextField()),
                ("filed", models.BooleanField(db_default=False, default=False)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("filed", False)),
                        fields=["call"],
                        name="search_text_unfiled",
                    )
                ],
            },
        ),
        migrations.RunSQL(KEEP, UNDO),
        migrations.RunSQL(SAMPLE, migrations.RunSQL.noop),
        migrations.RunPython(index_trigrams, migrations.RunPython.noop),
    ]
