"""Scenarios in which the call service does what a call service should not do."""

from tests.faults.behaviours import CALLBACKS, MISBEHAVIOURS
from tests.faults.checker import Wanted, last
from tests.faults.nemesis import Nemesis
from tests.faults.stage import Stage


def call_service_misbehaves(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """Timeouts, errors, nonsense, "later", late lookups; callbacks repeated, reversed, forged."""
    stage.make_ready(workers=2, web=True)
    behaviours = [*MISBEHAVIOURS, *CALLBACKS] * count
    stage.random.shuffle(behaviours)
    wanted = stage.schedule(behaviours, len(behaviours) / 15)
    stage.until(last(wanted))
    nemesis.done["other_faults"] += len(behaviours)
    return wanted
