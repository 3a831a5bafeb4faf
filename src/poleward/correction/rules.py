"""What the user knows of a table: columns that determine another one, ranges, accepted values, sums.

A rules file is TOML; each part may be left out::

    [[determines]]              # rows of one City and State have one County
    by = ["City", "State"]
    target = "County"

    [ranges]                    # numbers or dates, both ends belong to it
    age = [0, 120]
    born = [1900-01-01, 2020-12-31]
    income = [0, inf]

    [values]
    sex = ["F", "M"]

    [[sums]]                    # all = men + women, up to 0.5
    total = "all"
    parts = ["men", "women"]
    tolerance = 0.5
"""

import math
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from jaxtyping import Bool

from poleward.data.columns import MISSING_TOKENS, is_text, listed, plain_type
from poleward.errors import SettingError

Row = Mapping[str, Any]
"""The cells of one row by column: typed values, or text as a csv gives it; None for a missing one."""

Key = tuple[str, ...]


@runtime_checkable
class Rule(Protocol):
    """Something that is true of every row in which the cells it is about are known."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Tell which columns the rule is about."""
        ...

    def broken(self, row: Row) -> bool:
        """Tell whether a row breaks the rule; False where a cell that it needs is missing."""
        ...

    def proposed(self, column: str, row: Row) -> Any | None:
        """Return the value that the other cells leave for a column, None where they leave none or several."""
        ...


@dataclass(frozen=True)
class Determination:
    """Rows that agree in ``by`` agree in ``target``.

    majority : cells of ``by`` -> the value that more than half of the rows learned from have, None where none has;
        without those that only one row has, of which nothing is known
    """

    by: tuple[str, ...]
    target: str
    majority: Mapping[Key, Any] = field(default_factory=dict, repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """Tell which columns the rule is about."""
        return (*self.by, self.target)

    def broken(self, row: Row) -> bool:
        """Tell whether the target differs from the majority of its like."""
        majority, value = self.majority.get(self._key(row)), row.get(self.target)
        return majority is not None and is_known(value) and value != majority

    def disputed(self, row: Row) -> bool:
        """Tell whether rows of its like differ without a majority, so that some of them are wrong."""
        key = self._key(row)
        return key in self.majority and self.majority[key] is None and is_known(row.get(self.target))

    def proposed(self, column: str, row: Row) -> Any | None:
        """Return the majority for the target."""
        return self.majority.get(self._key(row)) if column == self.target else None

    def count(self, rows: Iterable[Row], counts: dict[Key, Counter[Any]]) -> None:
        """Count the target's values."""
        for row in rows:
            key, value = self._key(row), row[self.target]
            if key and is_known(value):
                counts[key][value] += 1

    def learned(self, counts: Mapping[Key, Counter[Any]]) -> "Determination":
        """Return the rule with the majorities of what was counted."""
        several = {key: values for key, values in counts.items() if values.total() > 1}
        return replace(self, majority={key: _majority(values) for key, values in several.items()})

    def _key(self, row: Row) -> Key:
        cells = [row.get(name) for name in self.by]
        return tuple(map(str, cells)) if all(map(is_known, cells)) else ()


@dataclass(frozen=True)
class Range:
    """Numbers, or dates in seconds from 1970, from ``low`` to ``high``; a cell that is neither breaks the rule."""

    column: str
    low: Decimal
    high: Decimal
    measure: Callable[[Any], Decimal | None]

    @property
    def columns(self) -> tuple[str, ...]:
        """Tell which columns the rule is about."""
        return (self.column,)

    def broken(self, row: Row) -> bool:
        """Tell whether the cell lies outside."""
        cell = row.get(self.column)
        if not is_known(cell):
            return False
        x = self.measure(cell)
        return x is None or not self.low <= x <= self.high

    def proposed(self, column: str, row: Row) -> Any | None:
        """Return None: a range leaves many values."""
        return None


@dataclass(frozen=True)
class Accepted:
    """Only these values; a number is met by every way to write it."""

    column: str
    values: tuple[Any, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Tell which columns the rule is about."""
        return (self.column,)

    def broken(self, row: Row) -> bool:
        """Tell whether the cell is none of the values."""
        cell = row.get(self.column)
        return is_known(cell) and not any(_equal(cell, value) for value in self.values)

    def proposed(self, column: str, row: Row) -> Any | None:
        """Return the value if there is but one."""
        return self.values[0] if len(self.values) == 1 else None


@dataclass(frozen=True)
class Sum:
    """total = sum of parts, up to ``tolerance``; in decimal arithmetic, where 0.1 + 0.2 is 0.3."""

    total: str
    parts: tuple[str, ...]
    tolerance: Decimal

    @property
    def columns(self) -> tuple[str, ...]:
        """Tell which columns the rule is about."""
        return (self.total, *self.parts)

    def broken(self, row: Row) -> bool:
        """Tell whether the sum fails; a cell that is no number breaks nothing here."""
        expected, total = self.proposed(self.total, row), number(row.get(self.total))
        return expected is not None and total is not None and abs(total - expected) > self.tolerance

    def proposed(self, column: str, row: Row) -> Decimal | None:
        """Return what the other cells leave, with as many decimals as they have."""
        x = [number(row.get(name)) for name in self.columns if name != column]
        known = [value for value in x if value is not None]
        if len(known) < len(x):
            return None
        return sum(known, Decimal(0)) if column == self.total else known[0] - sum(known[1:], Decimal(0))


@dataclass(frozen=True)
class Rules:
    """Rules that hold together.

    types : type of each column, as learned by ``fit``; until then cells count as text

    >>> rules = Rules((Sum("all", ("men", "women"), Decimal(0)),))
    >>> table = pa.table({"men": ["1", "2"], "women": ["1", "3"], "all": ["2", "4"]})
    >>> rules.violations(table).tolist()
    [[False, False, False], [True, True, True]]
    >>> rules.propose("all", {"men": "2", "women": "3", "all": "4"})
    '5'
    """

    rules: tuple[Rule, ...]
    types: Mapping[str, pa.DataType] = field(default_factory=dict, repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """Tell which columns the rules are about."""
        return tuple(dict.fromkeys(name for rule in self.rules for name in rule.columns))

    def check(self, columns: Sequence[str]) -> None:
        """SettingError where a rule is about a column that the table does not have."""
        unknown = [name for name in self.columns if name not in columns]
        if unknown:
            raise SettingError(f"the rules name column {unknown[0]!r}; the table's columns are {listed(columns)}")

    def fit(self, pieces: pa.Table | Iterable[pa.Table]) -> "Rules":
        """Learn the columns' types, and what each determination says, from a table or the pieces of one.

        Errors
        ------
        SettingError : a rule is about a column that the table does not have
        """
        types: dict[str, pa.DataType] = {}
        counts = [defaultdict[Key, Counter[Any]](Counter) for _ in self.rules]
        for piece in [pieces] if isinstance(pieces, pa.Table) else pieces:
            self.check(piece.column_names)
            types = {name: plain_type(piece.schema.field(name).type) for name in self.columns}
            for rule, count in zip(self.rules, counts, strict=True):
                if isinstance(rule, Determination):
                    rule.count(_rows(piece, rule.columns), count)
        learned = [
            rule.learned(count) if isinstance(rule, Determination) else rule
            for rule, count in zip(self.rules, counts, strict=True)
        ]
        return Rules(tuple(learned), types)

    def violations(self, table: pa.Table) -> Bool[np.ndarray, "n columns"]:
        """Mark the cells that take part in a broken rule; rules that have learned nothing learn from this table."""
        rules = self if self.types else self.fit(table)
        rules.check(table.column_names)
        marked = np.zeros((table.num_rows, table.num_columns), bool)
        for rule in rules.rules:
            places = [table.column_names.index(name) for name in rule.columns]
            broken = [row for row, cells in enumerate(_rows(table, rule.columns)) if _doubtful(rule, cells)]
            marked[np.ix_(broken, places)] = True
        return marked

    def permits(self, column: str, value: Any, row: Row) -> bool:
        """Tell whether a value breaks no rule that its column has part in, the other cells being what they are."""
        changed = {**row, column: value}
        return not any(rule.broken(changed) for rule in self.rules if column in rule.columns)

    def propose(self, column: str, row: Row) -> Any | None:
        """Return the value that the rules determine for a cell, in its column's type; None where they leave it open.

        A sum gives its missing part, a determination its majority, a list of one accepted value that value. What
        another rule does not permit is not proposed.
        """
        given = [rule.proposed(column, row) for rule in self.rules if column in rule.columns]
        cells = [self._cell(column, value) for value in given if value is not None]
        fitting = [cell for cell in cells if cell is not None and self.permits(column, cell, row)]
        return fitting[0] if fitting else None

    def _cell(self, column: str, value: Any) -> Any | None:
        type = self.types.get(column, pa.string())  # noqa: A001 - the Arrow word
        if is_text(type):
            return format(value, "f") if isinstance(value, Decimal) else _text(value)
        if isinstance(value, Decimal) and pa.types.is_integer(type) and value == value.to_integral_value():
            value = int(value)
        try:
            return pa.scalar(_text(value), pa.string()).cast(type).as_py()
        except pa.ArrowInvalid:  # what the rules ask for is no value of the column
            return None


def read_rules(path: Path) -> Rules:
    """Read a rules file (see the top of this file's documentation).

    Errors
    ------
    SettingError : the file cannot be read, is not TOML, or says something that is not accepted
    """
    try:
        with path.open("rb") as file:
            given = tomllib.load(file, parse_float=Decimal)
    except OSError as fault:
        raise SettingError(f"{path}: cannot be read ({fault.strerror})") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SettingError(f"{path}: is not TOML ({fault})") from fault
    try:
        return parse_rules(given)
    except SettingError as fault:
        raise SettingError(f"{path}: {fault}") from fault


def parse_rules(given: Mapping[str, Any]) -> Rules:
    """Build rules from the parsed parts of a rules file; SettingError for what is not accepted."""
    _require_keys("the file", given, (), tuple(_PARTS))
    return Rules(tuple(rule for part, read in _PARTS.items() for rule in read(given.get(part))))


def is_known(cell: Any) -> bool:
    """Tell whether a cell holds a value."""
    if isinstance(cell, str):
        return cell.strip() not in MISSING_TOKENS
    return cell is not None and not (isinstance(cell, float) and math.isnan(cell))


def number(cell: Any) -> Decimal | None:
    """Read a cell as a finite number, None where it is missing or something else.

    >>> number(" 12.50 "), number(0.1), number("12 oz")
    (Decimal('12.50'), Decimal('0.1'), None)
    """
    if isinstance(cell, bool) or "_" in str(cell):
        return None
    try:
        x = Decimal(str(cell).strip())
    except InvalidOperation:
        return None
    return x if x.is_finite() else None


def seconds(cell: Any) -> Decimal | None:
    """Read a date, or one written in ISO 8601, as seconds from 1970; without a zone it counts as UTC.

    >>> seconds("1970-01-02"), seconds(date(1970, 1, 2)), seconds("soon")
    (Decimal('86400.0'), Decimal('86400.0'), None)
    """
    if isinstance(cell, date) and not isinstance(cell, datetime):
        cell = cell.isoformat()
    try:
        moment = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell).strip())
    except ValueError:
        return None
    return Decimal(str((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))


def _rows(table: pa.Table, names: Sequence[str]) -> Iterator[Row]:
    for cells in zip(*(table.column(name).to_pylist() for name in names), strict=True):
        yield dict(zip(names, cells, strict=True))


def _doubtful(rule: Rule, row: Row) -> bool:
    return rule.broken(row) or (isinstance(rule, Determination) and rule.disputed(row))


def _majority(values: Counter[Any]) -> Any | None:
    [(value, times)] = values.most_common(1)
    return value if 2 * times > values.total() else None


def _equal(cell: Any, value: Any) -> bool:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return number(cell) == value
    return _text(cell) == _text(value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _determinations(given: Any) -> list[Determination]:
    rules = []
    for table in _tables("determines", given):
        _require_keys("determines", table, ("by", "target"))
        rule = Determination(_names("determines: by", table["by"]), _name("determines: target", table["target"]))
        _require_distinct("determines", rule.columns)
        rules.append(rule)
    return rules


def _ranges(given: Any) -> list[Range]:
    rules = []
    for column, ends in _table("ranges", given).items():
        for measure in (number, seconds):
            read = [_end(end, measure) for end in ends] if isinstance(ends, list) and len(ends) == 2 else []
            if read and None not in read and read[0] <= read[1]:
                rules.append(Range(column, read[0], read[1], measure))
                break
        else:
            raise SettingError(
                f"ranges: {column} is {_shown(ends)}; write it as [lowest, highest], both numbers or both dates"
            )
    return rules


def _end(end: Any, measure: Callable[[Any], Decimal | None]) -> Any:
    if isinstance(end, Decimal) and end.is_infinite():
        return end
    return None if isinstance(end, str) else measure(end)


def _accepted(given: Any) -> list[Accepted]:
    rules = []
    for column, values in _table("values", given).items():
        if not (isinstance(values, list) and values and all(isinstance(x, str | int | Decimal) for x in values)):
            raise SettingError(f"values: {column} is {_shown(values)}; list texts, numbers, true or false")
        rules.append(Accepted(column, tuple(values)))
    return rules


def _sums(given: Any) -> list[Sum]:
    rules = []
    for table in _tables("sums", given):
        _require_keys("sums", table, ("total", "parts"), ("tolerance",))
        tolerance = number(table.get("tolerance", 0))
        if tolerance is None or tolerance < 0:
            raise SettingError(f"sums: tolerance is {_shown(table['tolerance'])}; it is a number of at least 0")
        rule = Sum(_name("sums: total", table["total"]), _names("sums: parts", table["parts"]), tolerance)
        _require_distinct("sums", rule.columns)
        rules.append(rule)
    return rules


_PARTS: Mapping[str, Callable[[Any], Sequence[Rule]]] = {
    "determines": _determinations,
    "ranges": _ranges,
    "values": _accepted,
    "sums": _sums,
}


def _require_keys(what: str, given: Mapping[str, Any], needed: Sequence[str], more: Sequence[str] = ()) -> None:
    accepted = (*needed, *more)
    unknown = [name for name in given if name not in accepted]
    if unknown:
        raise SettingError(f"{what} has no key {unknown[0]!r}; accepted are {', '.join(accepted)}")
    missing = [name for name in needed if name not in given]
    if missing:
        raise SettingError(f"{what} lacks {missing[0]!r}; needed are {', '.join(needed)}")


def _require_distinct(what: str, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise SettingError(f"{what}: {listed(names)}; each column has one part in a rule")


def _table(part: str, given: Any) -> Mapping[str, Any]:
    if given is not None and not isinstance(given, dict):
        raise SettingError(f"{part} is {_shown(given)}; write a table [{part}] with one line for each column")
    return given or {}


def _tables(part: str, given: Any) -> Sequence[Mapping[str, Any]]:
    if given is not None and not (isinstance(given, list) and all(isinstance(table, dict) for table in given)):
        raise SettingError(f"{part} is {_shown(given)}; write [[{part}]] above each rule")
    return given or []


def _names(what: str, given: Any) -> tuple[str, ...]:
    names = [given] if isinstance(given, str) else given
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise SettingError(f"{what} is {_shown(given)}; write one or several column names")
    return tuple(names)


def _name(what: str, given: Any) -> str:
    if not isinstance(given, str):
        raise SettingError(f"{what} is {_shown(given)}; write one column name")
    return given


def _shown(value: Any) -> str:
    """A value of a TOML file, as a person would write it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return repr(value) if isinstance(value, str) else _text(value)
