"""Health counts a million calls in their list's index, which says which have a next run."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scheduled_calls", "0004_search_text"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="scheduledcall",
            name="scheduled_call_list",
        ),
        migrations.AddIndex(
            model_name="scheduledcall",
            index=models.Index(
                fields=["owner", "-id"], include=("next_run_at",), name="scheduled_call_newest"
            ),
        ),
    ]
