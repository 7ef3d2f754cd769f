"""The database refuses to move anything out of a final state, whoever asks."""

from django.db import migrations

GUARD = """
CREATE FUNCTION refuse_to_leave_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% % is %, which is final; it cannot become %',
        TG_TABLE_NAME, OLD.id, OLD.status, NEW.status
        USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER execution_final_stays_final BEFORE UPDATE OF status ON executions_execution
FOR EACH ROW WHEN (
    OLD.status IN ('completed', 'failed', 'cancelled', 'missed', 'skipped')
    AND NEW.status IS DISTINCT FROM OLD.status
) EXECUTE FUNCTION refuse_to_leave_final();

CREATE TRIGGER attempt_final_stays_final BEFORE UPDATE OF status ON executions_attempt
FOR EACH ROW WHEN (OLD.status = 'ended' AND NEW.status IS DISTINCT FROM OLD.status)
EXECUTE FUNCTION refuse_to_leave_final();
"""

UNDO = """
DROP TRIGGER attempt_final_stays_final ON executions_attempt;
DROP TRIGGER execution_final_stays_final ON executions_execution;
DROP FUNCTION refuse_to_leave_final();
"""


class Migration(migrations.Migration):
    """One small trigger on two tables."""

    dependencies = [("executions", "0002_initial")]
    operations = [migrations.RunSQL(GUARD, UNDO)]
