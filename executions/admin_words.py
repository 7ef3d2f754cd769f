"""What an execution's machine words mean, in sentences for the operator."""

from scheduler_project.admin_base import DASH, words

#: `Execution.reason` → why it stands as it stands
REASONS = {
    "cancelled": "The scheduled call was cancelled.",
    "cancelled_by_owner": "Somebody called this occurrence off.",
    "min_gap": "Another call to this number was too short a time before.",
    "no_retry_left": "The last attempt failed, and the retry policy allows no further one.",
    "not_sent": "The call service could not be reached; the same attempt is tried again.",
    "overlap": "Another execution of the same scheduled call was still under way.",
    "operator": "Nobody could say whether it rang; a person decided.",
    "rescheduled": "The scheduled call got another time.",
    "stop_switch": "A stop switch held it back until it was too late to ring.",
    "superseded": "The next occurrence came before the retry could be made.",
    "too_late": "It was found too late to ring.",
}
#: `Attempt.outcome` → what happened; an execution's `error` begins with the same word
OUTCOMES = {
    "busy": "The line was busy.",
    "cancelled": "It was called off before it was placed.",
    "completed": "The call was answered and ended.",
    "failed": "The call service could not connect the call.",
    "invalid_number": "The number does not exist.",
    "missed": "It was found too late to ring.",
    "no_answer": "Nobody answered.",
    "not sent": "The request never reached the call service.",
    "provider_error": "The call service had an error of its own.",
    "rejected": "The call was refused.",
    "timeout": "It was not connected in time.",
    "unknown": "Nobody can say yet whether the phone rang; the call service is being asked.",
    "voicemail": "A machine answered.",
}


def reason_sentence(reason: str) -> str:
    """Why, in a sentence; the word itself where none is written for it."""
    return REASONS.get(reason) or words(reason) or DASH


def error_sentence(error: str | None) -> str:
    """An error in a sentence, with what the call service said behind it; a dash for none."""
    if not error:
        return DASH
    outcome, _, said = error.partition(": ")
    if outcome not in OUTCOMES:
        return error
    more = REASONS.get(said) or said
    return f"{OUTCOMES[outcome]} {more}" if more else OUTCOMES[outcome]
