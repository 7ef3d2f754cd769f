"""One index less to keep for each ring: the primary key is made of call and occurrence already."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("executions", "0007_came_to_nothing"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="execution", name="execution_is_one_occurrence"),
    ]
