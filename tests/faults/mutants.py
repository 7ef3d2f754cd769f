"""The protocol broken on purpose, one rule at a time, and who must notice.

`dev.py faults --mutants` applies each to a copy of the tree. A text that is not found exactly once
is an error: then the code has moved on, and the mutant must follow.
"""

from dataclasses import dataclass

OPENING, DUE_BELLS = "executions/opening.py", "executions/due_bells.py"
DIALING, LOOKUPS = "executions/dialing.py", "executions/lookups.py"
SWITCHBOARD, TASKS = "executions/switchboard.py", "executions/tasks.py"
ROOM = "tests/executions"
AT_ONCE = (
    "tests/races/test_beats_and_workers.py"
    "::test_two_beats_and_two_workers_at_once_share_all_and_double_none"
)


@dataclass(frozen=True, slots=True)
class Change:
    """One text of one file, and what stands there instead."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Played:
    """A fault scenario with so many faults; the count that must not be zero when it is broken."""

    scenario: str
    count: int
    shows: str
    #: changes that are no mistake, but let the moment last for which the rule was made
    slow_motion: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Tested:
    """A test by pytest's name for it."""

    node: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One rule less, in a sentence."""

    name: str
    sentence: str
    changes: tuple[Change, ...]
    by: Played | Tested


def _frozen(there: str) -> tuple[Change, Change]:
    freeze = "__import__('tests.faults.frozen', fromlist=['']).freeze_once"
    return (
        Change(SWITCHBOARD, "guard()  # last", there.replace("freeze", freeze) + "  # last"),
        # and nothing is judged before it has gone on
        Change("tests/faults/on_workers.py", "(last(wanted) + FREEZE)", "(last(wanted) + 45)"),
    )


#: one worker child freezes for long, after its last check and before the bytes leave; or before
#: it, and all sessions are cut meanwhile
FROZEN = _frozen("guard(); freeze()")
FROZEN_AND_CUT = _frozen("freeze('cut'); guard()")
LEASE_ALONE = Change(LOOKUPS, " if _is_gone(worker)}", "}")
NO_SESSION = Change(SWITCHBOARD, "if not session.alive():", "if False:")
NO_AGE = Change(SWITCHBOARD, "if boot_seconds() - claimed_at > at_most:", "if False:")

MUTANTS = (
    Mutant(
        "no_worker_lock",
        "An attempt is abandoned when its lease is over; the worker's lock is not asked.",
        (LEASE_ALONE,),
        Played("stop_three_leases", 1, "doubled", slow_motion=FROZEN),
    ),
    Mutant(
        "lease_alone_no_guard",
        "No lock is asked, and nothing is checked before the bytes leave.",
        (LEASE_ALONE, NO_SESSION, NO_AGE),
        Played("stop_three_leases", 1, "doubled", slow_motion=FROZEN),
    ),
    Mutant(
        "session_not_checked",
        "Nothing is checked before the bytes leave: neither the session nor the claim's age.",
        (NO_SESSION, NO_AGE),
        Played("stop_three_leases", 1, "doubled", slow_motion=FROZEN_AND_CUT),
    ),
    Mutant(
        "age_is_proof",
        "The same, and who is asked is the rule's own test.",
        (LEASE_ALONE,),
        Tested(f"{ROOM}/test_lookups.py::test_age_alone_is_no_proof_that_a_worker_is_dead"),
    ),
    Mutant(
        "dialed_before_intent",
        "The request leaves first, and the claim is committed 0.4 s later.",
        (
            Change(
                TASKS,
                "    board.place(claims, session, claimed_at)",
                "        board.place(claims, session, claimed_at)\n"
                "        __import__('time').sleep(0.4)",
            ),
        ),
        Played("kill_after_accept", 4, "doubled"),
    ),
    Mutant(
        "no_shared_lock",
        "A claim does not hold the scheduled call's row.",
        (Change(DIALING, "FOR SHARE OF s ", ""),),
        Tested("tests/races/test_claim.py::test_a_verb_that_was_rolled_back_stops_nothing"),
    ),
    Mutant(
        "new_id_on_redial",
        "What was never sent is sent again under another attempt's id.",
        (
            Change(DIALING, "SELECT coalesce(waiting_id, fresh_id) AS", "SELECT fresh_id AS"),
            Change(
                DIALING, "a SET status = 'dialing',", "a SET id = fresh_id, status = 'dialing',"
            ),
        ),
        Tested(f"{ROOM}/test_dialing.py::test_what_was_never_sent_goes_on_as_the_same_attempt"),
    ),
    Mutant(
        "absence_believed_at_once",
        '"No such call" counts without the settle time.',
        (Change("executions/findings.py", "if settled_in <= 0:", "if True:"),),
        Tested(f"{ROOM}/test_lookups.py::test_absence_is_believed_only_after_the_settle_time"),
    ),
    Mutant(
        "lost_answer_is_not_sent",
        "A request that left and was not answered counts as never sent.",
        (Change(SWITCHBOARD, "return Unsure(result.reason)", "return NotSent(result.reason)"),),
        Played("call_service_misbehaves", 1, "doubled"),
    ),
    Mutant(
        "everything_lands",
        "A worker that was declared lost may still finish.",
        (
            Change(
                "executions/transitions.py",
                '    status = row["a_status"]\n    if finding.worker',
                "    return True\n    if finding.worker",
            ),
        ),
        Tested(f"{ROOM}/test_outcomes.py::test_a_worker_that_was_declared_lost_cannot_finish"),
    ),
    Mutant(
        "final_may_be_left",
        "The database lets a final state be left.",
        (
            Change(
                "executions/migrations/0011_execution_final_after.py",
                'GUARD.format(when="AFTER")',
                '"DROP FUNCTION refuse_to_leave_final CASCADE"',
            ),
        ),
        Tested(f"{ROOM}/test_states.py::test_the_database_itself_refuses_to_leave_a_final_state"),
    ),
    Mutant(
        "workers_share_a_claim",
        "A claim does not hold the execution's row.",
        (Change(DIALING, "FOR SHARE OF s FOR NO KEY UPDATE OF e SKIP LOCKED", "FOR SHARE OF s"),),
        Tested(AT_ONCE),
    ),
    Mutant(
        "beats_share_a_call",
        "Dispatch does not hold the calls that it opens.",
        (
            Change(
                "executions/dispatch.py",
                "LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED",
                "LIMIT %(limit)s",
            ),
        ),
        Tested(AT_ONCE),
    ),
    Mutant(
        "paused_calls_ring",
        "A claim does not look at the call's status.",
        (Change("executions/readiness.py", "s.status = 'active'", "s.status <> 'gone'"),),
        Tested(f"{ROOM}/test_dialing.py::test_after_a_pause_or_a_cancellation_nothing_is_dialed"),
    ),
    Mutant(
        "bell_rings_once",
        "A bell that nobody answered is not rung again.",
        (
            Change(
                "executions/ringing.py",
                "e.status IN ('pending', 'retrying') AND e.ring_at <= %(now)s",
                "e.status IN ('pending', 'retrying') AND e.expires_at < %(now)s",
            ),
        ),
        Tested(f"{ROOM}/test_dispatch.py::test_a_bell_that_nobody_answers_is_rung_again"),
    ),
    Mutant(
        "workers_share_an_opening",
        "A worker that opens a call lets another open it at the same time.",
        (Change(OPENING, "FOR NO KEY UPDATE SKIP LOCKED", "FOR SHARE SKIP LOCKED"),),
        Tested(
            "tests/races/test_opening.py::test_two_workers_with_the_same_message"
            "_at_the_same_instant_ring_each_call_once[0]"
        ),
    ),
    Mutant(
        "opened_although_stopped",
        "A worker that opens a call does not look at the stop switches.",
        (Change(OPENING, "at is None or is_stopped", "at is None"),),
        Tested(
            f"{ROOM}/test_opening.py"
            "::test_a_stopped_call_is_opened_waiting_and_rings_when_the_switch_is_lifted"
        ),
    ),
    Mutant(
        "opened_while_it_talks",
        "A worker that opens a call does not look at what is under way of it.",
        (
            Change(
                OPENING,
                "e.status IN ('pending', 'dialing', 'in_progress', 'retrying')",
                "e.status IN ('pending')",
            ),
        ),
        Tested(f"{ROOM}/test_opening.py::test_while_one_talks_the_next_is_skipped"),
    ),
    Mutant(
        "held_calls_are_passed_by",
        "A call that somebody was just changing is left to nobody.",
        (Change(OPENING, "if len(locked) < len(set(ids)) else set()", "if False else set()"),),
        Tested(
            "tests/races/test_opening.py"
            "::test_the_second_worker_waits_for_the_first_and_gets_nothing"
        ),
    ),
    Mutant(
        "unanswered_is_forgotten",
        "What no worker opens, beat does not open either.",
        (Change(DUE_BELLS, "if at < long_ago]", "if False]"),),
        Tested(
            f"{ROOM}/test_due_bells.py"
            "::test_what_no_worker_opens_within_ten_seconds_beat_opens_itself"
        ),
    ),
)
