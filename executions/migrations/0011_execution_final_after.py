"""An execution's final state, too, is guarded after its row is written.

A migration of its own: with the locks of both tables in one, workers could be in each other's way.
"""

from django.db import migrations

GUARD = """
DROP TRIGGER execution_final_stays_final ON executions_execution;
CREATE TRIGGER execution_final_stays_final {when} UPDATE OF status ON executions_execution
FOR EACH ROW WHEN (
    OLD.status IN ('completed', 'failed', 'cancelled', 'missed', 'skipped')
    AND NEW.status IS DISTINCT FROM OLD.status
) EXECUTE FUNCTION refuse_to_leave_final();
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0010_attempt_final_after")]
    operations = [migrations.RunSQL(GUARD.format(when="AFTER"), GUARD.format(when="BEFORE"))]
