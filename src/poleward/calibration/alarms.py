"""The level as people say it: so many false alarms in so many rows."""

import re
from fractions import Fraction

from poleward.errors import SettingError


def parse_alarms(text: str) -> Fraction:
    """The level that an expected number of false alarms per rows stands for; more than none, fewer than the rows.

    Errors
    ------
    SettingError for what is not written as ALARMS/ROWS.

    >>> parse_alarms("10/1000")
    Fraction(1, 100)
    """
    said = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text, re.ASCII)
    if not said or not 0 < int(said[1]) < int(said[2]):
        raise SettingError(
            f"alarms = {text!r}: write the false alarms to expect in so many normal rows, for example 10/1000"
        )
    return Fraction(int(said[1]), int(said[2]))
