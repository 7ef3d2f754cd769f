"""Before a recurring call is stored: is its cron text one that we keep, and what does it say?

The dialect is the classic one of Paul Vixie's cron as Debian ships it, see crontab(5):

* five fields: minute 0-59, hour 0-23, day of month 1-31, month 1-12 or JAN-DEC,
  day of week 0-7 or SUN-SAT (0 and 7 are both Sunday), parted by blanks;
* in a field `*`, numbers, names (any case), ranges `1-5`, steps `*/15` and `9-17/2`, and lists
  of these, parted by commas;
* the nicknames @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually;
* when neither day field *begins with a star*, a day that fits either of them is meant; when one
  does (`*/2` begins with a star as well), the day must fit both.

What other dialects add (seconds, `?`, `L`, `W`, `#`, ranges that wrap) is refused with a sentence,
and so is what those dialects read differently (`5/15`), a step longer than its field (`*/90`
minutes) and a date that never comes: a call at a time nobody meant is worse than a question.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, groupby
from typing import Literal

FieldName = Literal["minute", "hour", "day_of_month", "month", "day_of_week"]

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
# All sixty minutes written out are 169 characters; no honest expression comes near this.
LONGEST_TEXT = 1000
ITEM = re.compile(r"(?:\*|([0-9]+|[A-Z]+)(?:-([0-9]+|[A-Z]+))?)(?:/([0-9]+))?")
# ?, MON#1, L, L-3, LW, 15W, 5L, FRIL, H, H/5, R: Quartz, croniter, Jenkins.
OTHER_DIALECTS = re.compile(r"[?#]|^L\b|^[0-9L]*W$|^([0-9]|[A-Z]{3})L$|^[HR]\b")


class CronError(ValueError):
    """A cron text that is not kept: the message says what is wrong and what would be right.

    `field` names the field (`minute`, `hour`, `day_of_month`, `month`, `day_of_week`), or is None
    when the text as a whole is wrong.
    """

    def __init__(self, message: str, field: FieldName | None = None) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What one field may hold: the numbers `low` to `high`, and names for them from `low` on."""

    name: FieldName
    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The field as a person says it: `day of month`."""
        return self.name.replace("_", " ")

    @property
    def span(self) -> str:
        """The values allowed, for a sentence: `0-7 or SUN-SAT`."""
        named = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        return f"{self.low}-{self.high}{named}"

    @property
    def full(self) -> frozenset[int]:
        """Every value of the field, Sunday once."""
        return self.distinct(range(self.low, self.high + 1))

    def distinct(self, numbers: range) -> frozenset[int]:
        """The numbers as a set; day of week 7 is 0."""
        return frozenset(n % 7 if self.name == "day_of_week" else n for n in numbers)

    def error(self, problem: str) -> CronError:
        """A refusal that begins with the field's name."""
        return CronError(f"{self.words.capitalize()}: {problem}", self.name)


MINUTE = FieldRule("minute", 0, 59)
HOUR = FieldRule("hour", 0, 23)
DAY_OF_MONTH = FieldRule("day_of_month", 1, 31)
MONTH = FieldRule("month", 1, 12, MONTHS)
DAY_OF_WEEK = FieldRule("day_of_week", 0, 7, DAYS)
RULES = (MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK)


@dataclass(frozen=True, slots=True)
class Cron:
    """A checked expression in normal form, made by `parse_cron`: numbers only, sorted, 7 is 0.

    Two texts that mean the same sets and begin with a star in the same fields are equal here.
    The longest fields possible still fit django-celery-beat's `CrontabSchedule` columns.
    """

    minute: str
    hour: str
    day_of_month: str
    month: str
    day_of_week: str

    @property
    def text(self) -> str:
        """The five fields joined by one blank each."""
        return " ".join(self.fields)

    @property
    def fields(self) -> tuple[str, str, str, str, str]:
        """The five fields in crontab order."""
        return (self.minute, self.hour, self.day_of_month, self.month, self.day_of_week)

    @property
    def fixed_time(self) -> bool:
        """Neither minute nor hour begins with a star: a time of day, not a rhythm."""
        return not (self.minute.startswith("*") or self.hour.startswith("*"))

    @property
    def either_day(self) -> bool:
        """Neither day field begins with a star: one of them fitting is enough."""
        return not (self.day_of_month.startswith("*") or self.day_of_week.startswith("*"))


@lru_cache(maxsize=4096)
def parse_cron(text: str) -> Cron:
    """The text as a `Cron`; raises CronError for anything outside the dialect above."""
    # Beyond ASCII, upper() makes letters that nobody typed.
    if len(text) > LONGEST_TEXT or not text.isascii():
        raise CronError(f"A cron expression has at most {LONGEST_TEXT} characters, all ASCII.")
    words = re.split(r"[ \t]+", _without_nickname(text.strip(" \t\r\n")).upper())
    if len(words) != len(RULES):
        raise CronError(_wrong_number_of_fields(words))
    cron = Cron(*(_normal_form(rule, word) for rule, word in zip(RULES, words, strict=True)))
    _refuse_a_date_that_never_comes(cron)
    return cron


def field_values(rule: FieldRule, text: str) -> frozenset[int]:
    """Every value that a field in normal form names."""
    return frozenset[int]().union(*(_values(rule, item) for item in text.split(",")))


def compact(values: frozenset[int]) -> str:
    """The numbers sorted, three or more neighbours as a range: {1, 2, 3, 5} is `1-3,5`."""
    runs = groupby(enumerate(sorted(values)), key=lambda pair: pair[1] - pair[0])
    return ",".join(_run([number for _, number in run]) for _, run in runs)


def _without_nickname(text: str) -> str:
    if not text.startswith("@"):
        return text
    if text.lower() not in NICKNAMES:
        raise CronError(f"{_short(text)} is not known; the nicknames are {', '.join(NICKNAMES)}.")
    return NICKNAMES[text.lower()]


def _wrong_number_of_fields(words: list[str]) -> str:
    found = len([word for word in words if word])
    order = "minute, hour, day of month, month, day of week"
    more = " Seconds and years are not part of it." if found > len(RULES) else ""
    return f"A cron expression has five fields ({order}); this one has {found}.{more}"


def _normal_form(rule: FieldRule, text: str) -> str:
    values = frozenset[int]().union(*(_values(rule, item) for item in text.split(",")))
    if not text.startswith("*"):
        return compact(values)
    # The star must stay in front, it decides how the days are joined: smallest step that fits.
    step = next(n for n in count(1) if _values(rule, f"*/{n}") <= values)
    star = "*" if step == 1 else f"*/{step}"
    return ",".join(filter(None, [star, compact(values - _values(rule, star))]))


def _values(rule: FieldRule, item: str) -> frozenset[int]:
    match = ITEM.fullmatch(item)
    if match is None or (match[1] and OTHER_DIALECTS.search(item)):
        raise rule.error(_not_understood(rule, item))
    first, last, step = match.groups()
    if step and first and not last:
        raise rule.error(f"{_short(item)} has a step but no range; {_range_for(rule, item)}.")
    low = _number(rule, first) if first else rule.low
    high = _number(rule, last) if last else (low if first else rule.high)
    if low > high:
        both = rule.distinct(range(low, rule.high + 1)) | rule.distinct(range(rule.low, high + 1))
        raise rule.error(f"the range {_short(item)} runs backwards; write '{compact(both)}'.")
    return rule.distinct(range(low, high + 1, _step(rule, step)))


def _number(rule: FieldRule, word: str) -> int:
    if word in rule.names:
        return rule.low + rule.names.index(word)
    # The length is looked at first: int() of a very long text is slow, or refused by Python.
    if word.isdigit() and len(word) <= 4 and rule.low <= int(word) <= rule.high:
        return int(word)
    raise rule.error(f"{_short(word)} is not one of {rule.span}.")


def _step(rule: FieldRule, word: str | None) -> int:
    if word is None:
        return 1
    longest = len(rule.full)
    if len(word) <= 4 and 1 <= int(word) <= longest:
        return int(word)
    raise rule.error(f"the step {_short(word)} is not one of 1-{longest}.")


def _not_understood(rule: FieldRule, item: str) -> str:
    if item == "":
        return "a value is missing; write '*' for every one."
    if OTHER_DIALECTS.search(item):
        strangers = "?, L, W, #, H and R belong to other cron dialects"
        return f"{_short(item)} is not known here ({strangers}); write '*' or {rule.span}."
    return f"{_short(item)} is not understood; write '*', {rule.span}, a range, list or step."


def _range_for(rule: FieldRule, item: str) -> str:
    number, _, step = item.partition("/")
    return f"write '{number[:9]}-{max(rule.full)}/{step[:9]}' or '*/{step[:9]}'"


def _run(numbers: list[int]) -> str:
    return ",".join(map(str, numbers)) if len(numbers) < 3 else f"{numbers[0]}-{numbers[-1]}"


def _refuse_a_date_that_never_comes(cron: Cron) -> None:
    # With "either day" a weekday always comes. February 29 meets each weekday in 400 years.
    if cron.either_day:
        return
    day = min(field_values(DAY_OF_MONTH, cron.day_of_month))
    longest = max(DAYS_IN_MONTH[month - 1] for month in field_values(MONTH, cron.month))
    if day > longest:
        raise DAY_OF_MONTH.error(f"day {day} never comes in the months given ({longest} days).")


def _short(text: str) -> str:
    """The text in quotes, cut to a length that fits a sentence, control characters escaped."""
    return repr(text if len(text) <= 20 else text[:20] + "...")
