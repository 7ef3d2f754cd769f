"""The tables as they were first made: secrets, deliveries, attempts."""

import django.db.models.deletion
import scheduler_project.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=scheduler_project.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("url", models.TextField()),
                ("endpoint", models.TextField()),
                ("event", models.TextField()),
                ("type", models.TextField()),
                ("body", models.TextField()),
                ("schedule_id", models.UUIDField(blank=True, null=True)),
                ("execution_id", models.UUIDField(blank=True, null=True)),
                (
                    "status",
                    models.TextField(
                        choices=[
                            ("pending", "Pending"),
                            ("sending", "Sending"),
                            ("delivered", "Delivered"),
                            ("failed", "Failed"),
                        ],
                        default="pending",
                    ),
                ),
                ("attempt_count", models.PositiveIntegerField(default=0)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True)),
                ("ring_at", models.DateTimeField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("claimed_by", models.UUIDField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.TextField(blank=True, default="")),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="webhook_deliveries",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
            },
        ),
        migrations.CreateModel(
            name="DeliveryAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("started_at", models.DateTimeField()),
                ("duration_ms", models.PositiveIntegerField()),
                ("status_code", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("error", models.TextField(blank=True, default="")),
                ("response_excerpt", models.TextField(blank=True, default="")),
                (
                    "delivery",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attempts",
                        to="webhooks.delivery",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="OwnerSecret",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sealed", models.TextField(editable=False)),
                ("sealed_previous", models.TextField(blank=True, default="", editable=False)),
                ("previous_until", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("rotated_at", models.DateTimeField(blank=True, null=True)),
                (
                    "owner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="webhook_secret",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "signing secret",
            },
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status__in", ["pending", "sending"])),
                fields=["ring_at", "id"],
                name="webhook_ring",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status", "sending")),
                fields=["endpoint"],
                name="webhook_on_its_way",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["owner", "-id"], name="webhook_owner_newest"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("schedule_id__isnull", False)),
                fields=["schedule_id", "-id"],
                name="webhook_schedule_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("execution_id__isnull", False)),
                fields=["execution_id", "-id"],
                name="webhook_execution_newest",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("claimed_by", None),
                        ("lease_until", None),
                        ("next_attempt_at__isnull", False),
                        ("ring_at__isnull", False),
                        ("status", "pending"),
                    ),
                    models.Q(
                        ("claimed_by__isnull", False),
                        ("lease_until__isnull", False),
                        ("ring_at__isnull", False),
                        ("status", "sending"),
                    ),
                    models.Q(
                        ("claimed_by", None),
                        ("lease_until", None),
                        ("next_attempt_at", None),
                        ("ring_at", None),
                        ("status__in", ["delivered", "failed"]),
                    ),
                    _connector="OR",
                ),
                name="webhook_status_ties_columns",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("failures__lte", models.F("attempt_count"))),
                name="webhook_failures_are_attempts",
            ),
        ),
        migrations.AddConstraint(
            model_name="deliveryattempt",
            constraint=models.UniqueConstraint(
                fields=("delivery", "number"), name="webhook_attempt_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="ownersecret",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("previous_until", None), ("sealed_previous", "")),
                    models.Q(
                        models.Q(("sealed_previous", ""), _negated=True),
                        ("previous_until__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="webhook_secret_previous_has_an_end",
            ),
        ),
    ]
