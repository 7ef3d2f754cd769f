"""Which cron expressions are kept, in which normal form, and which are refused and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduled_calls.recurrence import Cron, CronError, describe, parse_cron

# The maximum lengths of django-celery-beat's CrontabSchedule columns.
COLUMNS = {"minute": 240, "hour": 96, "day_of_month": 124, "month": 64, "day_of_week": 64}


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        # the guide's eight, and the others in its examples
        ("0 9 * * MON", "0 9 * * 1"),
        ("0 9 * * MON-FRI", "0 9 * * 1-5"),
        ("0 9,14 * * *", "0 9,14 * * *"),
        ("0 9 1 * *", "0 9 1 * *"),
        ("0 9 * * 1,3,5", "0 9 * * 1,3,5"),
        ("*/15 * * * *", "*/15 * * * *"),
        ("0 */4 * * *", "0 */4 * * *"),
        ("0 0 * * *", "0 0 * * *"),
        ("0 14 * * 1,4", "0 14 * * 1,4"),
        ("0 10 29 2 *", "0 10 29 2 *"),
        # blanks, cases, leading zeros
        ("  0\t09  *  JAN mon \n", "0 9 * 1 1"),
        ("00 09 01 01 *", "0 9 1 1 *"),
        ("0 9 * jAn-mAr *", "0 9 * 1-3 *"),
        # Sunday is 0 and 7
        ("0 9 * * 7", "0 9 * * 0"),
        ("0 9 * * SUN", "0 9 * * 0"),
        ("0 9 * * 0-7", "0 9 * * 0-6"),
        ("0 9 * * 5-7", "0 9 * * 0,5,6"),
        ("0 9 * * 7-7", "0 9 * * 0"),
        ("0 9 * * */7", "0 9 * * */7"),
        # ranges, lists, steps
        ("0 9-17/2 * * *", "0 9,11,13,15,17 * * *"),
        ("0,0,0 9 * * *", "0 9 * * *"),
        ("5,3,4,1 9 * * *", "1,3-5 9 * * *"),
        ("0 9 * * MON-FRI/2,SAT", "0 9 * * 1,3,5,6"),
        ("5-5 9 * * *", "5 9 * * *"),
        ("*/60 */24 */31 */12 *", "*/60 */24 */31 */12 *"),
        # a star in front stays in front: it decides how the two day fields are joined
        ("*/1 * * * *", "* * * * *"),
        ("0-59 * * * *", "0-59 * * * *"),
        ("*,5 * * * *", "* * * * *"),
        ("5,* * * * *", "0-59 * * * *"),
        ("*/15,3 * * * *", "*/15,3 * * * *"),
        ("*/30,15,45 * * * *", "*/15 * * * *"),
        # nicknames
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        (" @Annually ", "0 0 1 1 *"),
        # dates that come, if seldom
        ("0 0 29 2 *", "0 0 29 2 *"),
        ("0 0 31 */2 *", "0 0 31 */2 *"),
        ("0 0 30 2 MON", "0 0 30 2 1"),
        ("0 0 29 2 */6", "0 0 29 2 */6"),
    ],
)
def test_a_classic_expression_is_kept_in_normal_form(text: str, normal: str) -> None:
    assert parse_cron(text).text == normal
    assert parse_cron(normal) == parse_cron(text)


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        ("60 * * * *", "minute", "not one of 0-59"),
        ("-1 * * * *", "minute", "not understood"),
        ("1.5 * * * *", "minute", "not understood"),
        ("0x5 * * * *", "minute", "not understood"),
        ("** * * * *", "minute", "not understood"),
        ("*5 * * * *", "minute", "not understood"),
        ("*-5 * * * *", "minute", "not understood"),
        ("1-2-3 * * * *", "minute", "not understood"),
        ("1-5/ * * * *", "minute", "not understood"),
        ("*/2/2 * * * *", "minute", "not understood"),
        ("*/-2 * * * *", "minute", "not understood"),
        ("1\x00 * * * *", "minute", r"'1\\x00' is not understood"),
        ("1, * * * *", "minute", "value is missing"),
        (", * * * *", "minute", "value is missing"),
        ("*/0 * * * *", "minute", "step '0' is not one of 1-60"),
        ("*/61 * * * *", "minute", "step '61' is not one of 1-60"),
        ("*/90 * * * *", "minute", "step '90' is not one of 1-60"),
        ("5/15 * * * *", "minute", r"write '5-59/15' or '\*/15'"),
        ("50-10 * * * *", "minute", "runs backwards; write '0-10,50-59'"),
        ("MON * * * *", "minute", "not one of 0-59"),
        ("H * * * *", "minute", "other cron dialects"),
        ("H/15 * * * *", "minute", "other cron dialects"),
        ("R * * * *", "minute", "other cron dialects"),
        ("9" * 900 + " * * * *", "minute", "not one of 0-59"),
        ("*/" + "9" * 900 + " * * * *", "minute", "not one of 1-60"),
        ("0 24 * * *", "hour", "not one of 0-23"),
        ("0 9AM * * *", "hour", "not understood"),
        ("0 22-5 * * *", "hour", "write '0-5,22,23'"),
        ("0 9 0 * *", "day_of_month", "not one of 1-31"),
        ("0 9 32 * *", "day_of_month", "not one of 1-31"),
        ("0 9 ? * *", "day_of_month", "other cron dialects"),
        ("0 9 L * *", "day_of_month", "other cron dialects"),
        ("0 9 L-3 * *", "day_of_month", "other cron dialects"),
        ("0 9 LW * *", "day_of_month", "other cron dialects"),
        ("0 9 15W * *", "day_of_month", "other cron dialects"),
        ("0 0 30 2 *", "day_of_month", "never comes"),
        ("0 0 31 2,4,6,9,11 *", "day_of_month", "never comes"),
        ("0 0 31 APR */2", "day_of_month", "never comes"),
        ("0 9 1 0 *", "month", "not one of 1-12 or JAN-DEC"),
        ("0 9 1 13 *", "month", "not one of 1-12 or JAN-DEC"),
        ("0 9 1 JANUARY *", "month", "not one of 1-12 or JAN-DEC"),
        ("0 9 1 MON *", "month", "not one of 1-12 or JAN-DEC"),
        ("0 9 1 NOV-FEB *", "month", "write '1,2,11,12'"),
        ("0 9 * * 8", "day_of_week", "not one of 0-7 or SUN-SAT"),
        ("0 9 * * MONKEY", "day_of_week", "not one of 0-7 or SUN-SAT"),
        ("0 9 * * MAR", "day_of_week", "not one of 0-7 or SUN-SAT"),
        ("0 9 * * FRI-MON", "day_of_week", "write '0,1,5,6'"),
        ("0 9 * * FRI-SUN", "day_of_week", "write '0,5,6'"),
        ("0 9 * * MON#1", "day_of_week", "other cron dialects"),
        ("0 9 * * 1#2", "day_of_week", "other cron dialects"),
        ("0 9 * * 5L", "day_of_week", "other cron dialects"),
        ("0 9 * * FRIL", "day_of_week", "other cron dialects"),
        ("0 9 * * ?", "day_of_week", "other cron dialects"),
        ("0 9 * * MON/2", "day_of_week", r"write 'MON-6/2' or '\*/2'"),
        ("", None, "this one has 0"),
        ("0 9 * *", None, "this one has 4"),
        ("0 0 9 * * *", None, "this one has 6. Seconds and years"),
        ("0 0 9 * * * 2027", None, "Seconds and years"),
        ("0\u00a09 * * *", None, "ASCII"),
        ("\u0660 9 * * *", None, "ASCII"),
        ("0 9 * * \u017fun", None, "ASCII"),
        ("0 9 * *\n*", None, "this one has 4"),
        ("@reboot", None, "nicknames are @hourly"),
        ("@every 5m", None, "nicknames are @hourly"),
        ("@daily x", None, "nicknames are @hourly"),
        ("0," * 1000 + "0 9 * * *", None, "at most 1000 characters"),
    ],
)
def test_anything_else_is_refused_naming_the_field(text: str, field: str | None, says: str) -> None:
    with pytest.raises(CronError, match=says) as refusal:
        parse_cron(text)
    assert refusal.value.field == field
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("0 9 * * *", True),
        ("0-59 9 * * *", True),
        ("0 0-23 * * *", True),
        ("*/15 9 * * *", False),
        ("0 */4 * * *", False),
        ("* * * * *", False),
    ],
)
def test_a_time_is_fixed_when_neither_minute_nor_hour_begins_with_a_star(
    text: str, fixed: bool
) -> None:
    assert parse_cron(text).fixed_time is fixed


@given(st.lists(st.lists(st.integers(0, 59), min_size=1), min_size=5, max_size=5))
def test_every_normal_form_fits_the_columns_of_django_celery_beat(rows: list[list[int]]) -> None:
    tops, lows = (59, 23, 31, 12, 7), (0, 0, 1, 1, 0)
    words = (
        ",".join(str(low + n % (top - low + 1)) for n in row[:60])
        for row, top, low in zip(rows, tops, lows, strict=True)
    )
    try:
        cron = parse_cron(" ".join(words))
    except CronError as refusal:
        assert "never comes" in str(refusal)  # noqa: PT017 - one of the two ways out
        return
    assert all(len(getattr(cron, name)) <= size for name, size in COLUMNS.items())


def test_the_longest_minute_field_fits_its_column() -> None:
    pairs = ",".join(str(n) for n in range(60) if n % 3 != 2)
    assert len(parse_cron(f"{pairs} * * * *").minute) <= COLUMNS["minute"]


@given(st.text(max_size=40))
def test_no_text_whatever_breaks_the_parser(text: str) -> None:
    try:
        assert isinstance(parse_cron(text), Cron)
    except CronError as refusal:
        assert str(refusal)  # noqa: PT017 - one of the two ways out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 9 * * MON", "At 09:00 AM, only on Monday"),
        ("0 9 * * MON-FRI", "At 09:00 AM, Monday through Friday"),
        ("0 9,14 * * *", "At 09:00 AM and 02:00 PM"),
        ("0 9 1 * *", "At 09:00 AM, on day 1 of the month"),
        ("0 9 * * 1,3,5", "At 09:00 AM, only on Monday, Wednesday, and Friday"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("0 */4 * * *", "Every 4 hours"),
        ("0 0 * * *", "At 12:00 AM"),
        ("0 9 * * 7", "At 09:00 AM, only on Sunday"),
        ("0 10 3 7 *", "At 10:00 AM, on day 3 of the month, only in July"),
        ("*/15,3 * * * *", "At 0, 3, 15, 30, and 45 minutes past the hour"),
        # both day fields restricted: one of them is enough, and the words say so
        ("0 9 13 * FRI", "At 09:00 AM, on day 13 of the month, or on Friday"),
        (
            "0 9 13 6 MON-FRI",
            "At 09:00 AM, on day 13 of the month, or Monday through Friday, only in June",
        ),
    ],
)
def test_an_expression_is_described_in_plain_english(text: str, words: str) -> None:
    assert describe(parse_cron(text)) == words
