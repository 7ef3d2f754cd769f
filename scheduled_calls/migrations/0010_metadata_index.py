"""The index of metadata in the calls' own table is not asked any more."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("scheduled_calls", "0009_copy_metadata")]
    operations = [
        migrations.RemoveIndex(model_name="scheduledcall", name="scheduled_call_metadata"),
    ]
