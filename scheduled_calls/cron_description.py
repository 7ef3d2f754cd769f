"""Beside a recurring call: its cron expression said in plain English."""

from functools import lru_cache

from cron_descriptor import (
    ExpressionDescriptor,
    Options,
)

from scheduled_calls.cron import RULES, Cron, FieldRule, compact, field_values


@lru_cache(maxsize=4096)
def describe(cron: Cron) -> str:
    """The expression in English with a 12-hour clock: `At 09:00 AM, only on Monday`."""
    options = Options()
    # Without these two the words would follow the server's locale.
    options.locale_code, options.use_24hour_time_format = "en_US", False
    plain = (_without_starred_list(rule, t) for rule, t in zip(RULES, cron.fields, strict=True))
    descriptor = ExpressionDescriptor(" ".join(plain), options)
    sentence = str(descriptor.get_full_description())
    if not cron.either_day:
        return sentence
    # cron-descriptor joins the two day fields as if both had to fit.
    weekdays = str(descriptor.get_day_of_week_description())
    return sentence.replace(weekdays, ", or " + weekdays.removeprefix(", ").removeprefix("only "))


def _without_starred_list(rule: FieldRule, text: str) -> str:
    # `*/15,3` is valid cron, but cron-descriptor reads it as one long step.
    if text.startswith("*") and "," in text:
        return compact(field_values(rule, text))
    return text
