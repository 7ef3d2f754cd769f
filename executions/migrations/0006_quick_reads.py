"""Reads stay quick at a million rows: executions by status and time from the index alone."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("executions", "0005_lean_indexes"),
        ("scheduled_calls", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="execution",
            name="execution_list",
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                fields=["owner", "-opened"],
                include=("status", "scheduled_for"),
                name="execution_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("status", "failed")),
                fields=["owner", "ended_at"],
                name="execution_failed",
            ),
        ),
    ]
