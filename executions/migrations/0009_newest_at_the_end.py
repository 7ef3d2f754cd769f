"""The list's index grows at its end: a descending one is split in the middle, page by page."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("executions", "0008_id_is_the_occurrence"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="execution", name="execution_newest"),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                fields=["owner", "opened"],
                include=("status", "scheduled_for"),
                name="execution_newest",
            ),
        ),
    ]
