"""Stop switches: staff may forbid calls to ring."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("executions", "0003_final_stays_final"),
    ]

    operations = [
        migrations.CreateModel(
            name="StopSwitch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("global", "all calls"),
                            ("agent", "one agent's calls"),
                            ("number_prefix", "numbers that begin so"),
                        ],
                        max_length=16,
                    ),
                ),
                ("value", models.CharField(blank=True, default="", max_length=255)),
                ("reason", models.CharField(max_length=255)),
                ("author", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(editable=False, null=True)),
                (
                    "lifted_by",
                    models.CharField(blank=True, default="", editable=False, max_length=150),
                ),
            ],
            options={
                "verbose_name_plural": "stop switches",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=["scope"],
                        name="stop_switch_not_lifted",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("scope__in", ["global", "agent", "number_prefix"])),
                        name="stop_switch_scope_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("scope", "global"), ("value", "")),
                            models.Q(
                                models.Q(("scope", "global"), _negated=True),
                                models.Q(("value", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="stop_switch_names_what_it_stops",
                    ),
                ],
            },
        ),
    ]
