"""Health counts a million calls in their list's index; lists' indexes have no half empty pages."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scheduled_calls", "0004_search_text"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(model_name="scheduledcall", name="scheduled_call_list"),
        migrations.AddIndex(
            model_name="scheduledcall",
            index=models.Index(
                fields=["owner", "id"], include=("next_run_at",), name="scheduled_call_newest"
            ),
        ),
        migrations.RemoveIndex(model_name="scheduledcall", name="scheduled_call_recurring"),
        migrations.AddIndex(
            model_name="scheduledcall",
            index=models.Index(
                condition=models.Q(("crontab__isnull", False)),
                fields=["owner", "id"],
                name="scheduled_call_recurring",
            ),
        ),
        migrations.RemoveIndex(model_name="scheduledcall", name="scheduled_call_agent"),
        migrations.AddIndex(
            model_name="scheduledcall",
            index=models.Index(fields=["owner", "agent_id", "id"], name="scheduled_call_agent"),
        ),
        migrations.RemoveIndex(model_name="scheduledcall", name="scheduled_call_batch"),
        migrations.AddIndex(
            model_name="scheduledcall",
            index=models.Index(
                condition=models.Q(("batch_id", ""), _negated=True),
                fields=["owner", "batch_id", "id"],
                name="scheduled_call_batch",
            ),
        ),
    ]
