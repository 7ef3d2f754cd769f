"""Reads stay quick at a million rows: filters of the list have their indexes."""

import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduled_calls", "0002_lean_indexes")]

    operations = [
        migrations.AddIndex(
            model_name="scheduledcall",
            index=models.Index(
                condition=models.Q(("crontab__isnull", False)),
                fields=["owner", "-id"],
                name="scheduled_call_recurring",
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledcall",
            index=models.Index(fields=["owner", "agent_id", "-id"], name="scheduled_call_agent"),
        ),
        migrations.AddIndex(
            model_name="scheduledcall",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["metadata"],
                name="scheduled_call_metadata",
                condition=models.Q(("metadata", {}), _negated=True),
                opclasses=["jsonb_path_ops"],
            ),
        ),
    ]
