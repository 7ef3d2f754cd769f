"""Indexes that a call's status does not touch, and room on the page for its next version."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("scheduled_calls", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="scheduledcall",
            name="scheduled_call_due",
        ),
        migrations.RemoveIndex(
            model_name="scheduledcall",
            name="scheduled_call_wake",
        ),
        migrations.AlterField(
            model_name="scheduledcall",
            name="crontab",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="django_celery_beat.crontabschedule",
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledcall",
            index=models.Index(
                condition=models.Q(("next_run_at__isnull", False)),
                fields=["next_run_at"],
                name="scheduled_call_due",
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledcall",
            index=models.Index(
                condition=models.Q(("wake_at__isnull", False)),
                fields=["wake_at"],
                name="scheduled_call_wake",
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledcall",
            index=models.Index(
                condition=models.Q(("crontab__isnull", False)),
                fields=["crontab"],
                name="scheduled_call_crontab",
            ),
        ),
        # Room on each page for a call's next version beside the old one.
        migrations.RunSQL(
            "ALTER TABLE scheduled_calls_scheduledcall SET (fillfactor = 85)",
            "ALTER TABLE scheduled_calls_scheduledcall RESET (fillfactor)",
        ),
    ]
