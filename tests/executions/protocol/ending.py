"""The last day of an example: all faults are over, time goes on, and everything has an end."""

from datetime import timedelta

from executions.history import history
from executions.rows import Row
from executions.states import FINAL
from tests.executions.protocol.judge import CATCH_UP, Wanted
from tests.executions.protocol.worker import Worker
from tests.executions.protocol.world import World

ROUNDS = 40
#: from this round on time is moved past whatever waits for a paused call
LONG_ROUNDS = 12


def work(
    world: World, workers: list[Worker], fate: str, outcome: str, until: str = "written"
) -> None:
    """One round of whoever is free: open, claim, dial, write, report, look after."""
    if workers and len(world.judge.executions) % 2:  # now a worker opens, now beat
        world.answer(workers[0], list(world.judge.calls))
    if world.beat.idle:
        world.tick()
    for worker in workers:
        if worker.actor.idle and worker.left:
            world.open_left(worker)
        if worker.actor.idle:
            world.claim(worker, world.bells[-8:])
        if worker.actor.idle:  # else somebody stands in its way
            world.place(worker, fate, until)
    if world.inbox.idle:
        _report(world, outcome)
    if world.upkeep.idle and world.looks:
        looks = list(dict.fromkeys(world.looks))
        world.looks.clear()
        world.look_after(looks)


def _report(world: World, outcome: str) -> None:
    for ring in world.service.log:
        if not ring.over:
            world.service.end(ring, outcome)
    for event in list(world.service.events):
        if event.event_id not in world.judge.taken_in and world.inbox.idle:
            world.deliver(event)


def finish(world: World) -> None:
    """Lets everything come to its end, and looks whether it has one."""
    for actor in world.actors:
        if actor.standing:
            actor.go_on()
    world.settle()
    while any(actor.standing for actor in world.actors):
        next(actor for actor in world.actors if actor.standing).go_on()
        world.settle()
    if world.switch is not None:
        world.stop()
    for flight in list(world.strays):
        world.arrive_astray(flight, "accepted")
    for number in range(ROUNDS):
        work(world, world.workers, "accepted", "completed")
        if _is_over(world):
            break
        late = CATCH_UP + timedelta(seconds=1) if number > LONG_ROUNDS else timedelta(seconds=1)
        world.wait(max(world.until_next(), late))
    else:
        left = [row for row in world.judge.executions.values() if row["status"] not in FINAL]
        raise AssertionError(f"no end comes of {left} (G2)")
    _check_end(world)


def _is_over(world: World) -> bool:
    """Nothing is open, due or to be woken any more; recurring calls have times to come."""
    if any(call["wake_at"] for call in world.judge.calls.values()):
        return False  # a pause has an end, or the time of a one-time call is still to come
    coming = [call for call in world.judge.calls.values() if call["next_run_at"]]
    due = [c for c in coming if not c["recurring"] or c["next_run_at"] <= world.time.now]
    return not due and all(row["status"] in FINAL for row in world.judge.executions.values())


def _check_end(world: World) -> None:
    judge = world.judge
    for id_, call in judge.calls.items():
        past = call["next_run_at"] is None or call["next_run_at"] > world.time.now
        assert past, f"due, and nothing came of it: {call} (G2)"
        assert call["status"] != "active" or call["next_run_at"], (
            f"nothing left, and active: {call}"
        )
        mine = [row for row in judge.executions.values() if row["scheduled_call_id"] == id_]
        mine = [row for row in mine if row["trigger"] == "schedule"]
        wanted = judge.wanted[id_]
        assert mine or wanted.cancelled or call["recurring"], f"nothing came of {call} (G2)"
        if call["recurring"]:
            _check_each_minute(world, wanted, call["max_occurrences"], mine)
        _check_history(world, id_)


def _check_each_minute(world: World, wanted: Wanted, limit: int | None, mine: list[Row]) -> None:
    """A recurring call that nobody disturbed has a row for each occurrence."""
    assert wanted.since is not None
    if not wanted.undisturbed or limit is not None:
        return  # while a limited one waits, the times that it may use up have no rows
    (every,) = wanted.every
    minutes = [int(at.timestamp()) // 60 // every for at in (wanted.since, world.time.now)]
    # those of one outage are one row that says how many they were
    assert sum(row["count"] for row in mine) == minutes[1] - minutes[0], f"a gap in {mine} (G2)"


def _check_history(world: World, id_: object) -> None:
    """The history tells what the log tells: which calls, in which order, with which end."""
    log = world.service.log
    for shown in history(world.owner, str(id_), limit=100)["executions"]:
        rang = [ring for ring in log if str(ring.execution_id) == shown["execution_id"]]
        tried = [attempt for attempt in shown["attempts"] if attempt["call_id"]]
        told = [(attempt["call_id"], attempt["outcome"]) for attempt in tried]
        assert told == [(ring.call_id, ring.status) for ring in rang], f"{told}: {rang} (G10)"
        if shown["status"] == "completed":
            assert shown["call_id"] == rang[-1].call_id, f"another call's id: {shown} (G10)"
            assert rang[-1].status == "completed", f"completed, and it was not: {rang} (G10)"
        elif shown["status"] != "pending":
            assert shown["error"] or shown["reason"], f"nobody says why: {shown} (G2)"
