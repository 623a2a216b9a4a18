"""Calendar days without a clock: the proleptic Gregorian calendar in integers."""

from __future__ import annotations

DAY_SECONDS = 86_400
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_EPOCH_DAY = 719_468  # days from 0000-03-01 to 1970-01-01


def days_since_epoch(date: str) -> int:
    """Days from 1970-01-01 to ``YYYY-MM-DD``. ValueError for a day that is not in the calendar.

    After Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    """
    year, month, day = (int(part) for part in date.split("-"))
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= month <= 12 or not 1 <= day <= _MONTH_DAYS[month - 1] + (1 if is_leap and month == 2 else 0):
        raise ValueError(f"{date} is not a day of the calendar")
    # Years begin in March, so that the leap day is the last.
    shifted = year - (month <= 2)
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - _EPOCH_DAY


def end_of_day_timestamp(date: str) -> int:
    """UNIX seconds of the midnight (UTC) that ends the day."""
    return (days_since_epoch(date) + 1) * DAY_SECONDS
