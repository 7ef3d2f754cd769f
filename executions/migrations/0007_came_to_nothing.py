"""Executions that failed, were missed, skipped or cancelled are found by that."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("executions", "0006_quick_reads"),
        ("scheduled_calls", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="execution",
            name="execution_failed",
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("status__in", ["cancelled", "failed", "missed", "skipped"])),
                fields=["status", "owner", "opened"],
                include=("ended_at",),
                name="execution_came_to_nothing",
            ),
        ),
    ]
