"""An attempt's final state is guarded after its row is written, and not before.

A trigger that comes before takes the old row's lock first, a write of its own for each row; what
it refuses is refused all the same.
"""

from django.db import migrations

GUARD = """
DROP TRIGGER attempt_final_stays_final ON executions_attempt;
CREATE TRIGGER attempt_final_stays_final {when} UPDATE OF status ON executions_attempt
FOR EACH ROW WHEN (OLD.status = 'ended' AND NEW.status IS DISTINCT FROM OLD.status)
EXECUTE FUNCTION refuse_to_leave_final();
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0009_newest_at_the_end")]
    operations = [migrations.RunSQL(GUARD.format(when="AFTER"), GUARD.format(when="BEFORE"))]
