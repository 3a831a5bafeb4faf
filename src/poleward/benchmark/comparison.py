"""Outcomes as a table: rows by data sets, means with their intervals, and differences taken on the same splits."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from poleward.benchmark.measuring import Interval
from poleward.benchmark.outcomes import COSTS, FIGURES, FURTHER, HIGHER_IS_BETTER, Outcome

DEFAULT = "default"
SIMPLE = "raw-5nn"
"""The simple row that the default is compared with."""

N_SHOWN = 6
"""Characters of a code's hash: rows that different code measured are seen to differ."""

Cells = Mapping[tuple[str, int], Outcome]
"""(data set, seed) -> the outcome of one row."""


def by_row(outcomes: Iterable[Outcome], order: Sequence[str]) -> dict[str, dict[tuple[str, int], Outcome]]:
    """Row -> its outcomes, rows in the given order, the default first."""
    places = [DEFAULT, *order]
    found: dict[str, dict[tuple[str, int], Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.row, {})[outcome.data, outcome.seed] = outcome
    return {row: found[row] for row in sorted(found, key=lambda row: [*places, row].index(row))}


def data_means(cells: Cells, figure: str) -> dict[str, float]:
    """Data set -> mean of a figure over the seeds."""
    data = dict.fromkeys(name for (name, _), outcome in cells.items() if outcome.figures)
    return {
        name: float(np.mean([o.figures[figure] for (of, _), o in cells.items() if of == name and o.figures]))
        for name in data
    }


def units(cells: Mapping[tuple[str, int], float]) -> NDArray[np.float64]:
    """What an interval is taken over: means of the data sets, or, of a single one, its seeds.

    >>> units({("a", 0): 1.0, ("a", 1): 3.0, ("b", 0): 5.0})
    array([2., 5.])
    """
    data = list(dict.fromkeys(name for name, _ in cells))
    if len(data) == 1:
        return np.array(list(cells.values()))
    return np.array([np.mean([value for (of, _), value in cells.items() if of == name]) for name in data])


def mean_of(cells: Cells, figure: str, data: Sequence[str]) -> Interval | None:
    """Mean of a figure over these data sets, or None for a row that lacks one of them or failed."""
    if {name for name, _ in cells} != set(data) or not all(figure in outcome.figures for outcome in cells.values()):
        return None
    return Interval.of_mean(units({key: outcome.figures[figure] for key, outcome in cells.items()}))


def difference(one: Cells, other: Cells, figure: str = "auroc") -> Interval | None:
    """Mean over data sets of one row's figure minus another's, on the splits that both ranked; None without any."""
    both = [key for key in one if key in other and one[key].figures and other[key].figures]
    if not both:
        return None
    return Interval.of_mean(units({key: one[key].figures[figure] - other[key].figures[figure] for key in both}))


def as_table(outcomes: Iterable[Outcome], order: Sequence[str], apart: Collection[str] = ()) -> str:
    """One group's outcomes in Markdown: rows by figures, and by data sets' AUROC; the best of each column in bold.

    A row that lacks a data set has no means: they would be of other data than the others' are.

    apart : rows that no other is compared with
    """
    rows = by_row(outcomes, order)
    columns = dict(columns_of(rows, apart))
    lines = [f"| row | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {row} | {' | '.join(column[row] for column in columns.values())} |" for row in rows]
    if DEFAULT in rows and SIMPLE in rows:
        found = difference(rows[DEFAULT], rows[SIMPLE])
        lines += ["", f"AUROC of the default minus {SIMPLE}, paired: {_signed(found)}."]
    return "\n".join(lines)


def columns_of(rows: Mapping[str, Cells], apart: Collection[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """(head, row -> text) of every column."""
    data = list(dict.fromkeys(name for cells in rows.values() for name, _ in cells))
    told = {name for cells in rows.values() for outcome in cells.values() for name in outcome.figures}
    for figure, head in {**FIGURES, **{name: head for name, head in FURTHER.items() if name in told}}.items():
        intervals = {row: mean_of(cells, figure, data) for row, cells in rows.items()}
        typical = {row: one.typical for row, one in intervals.items() if one is not None and row not in apart}
        ranked = {} if figure in COSTS else typical
        yield head, _bold(ranked, figure, {row: _spelt(one) for row, one in intervals.items()})
    yield "AUROC minus default", {row: "" if row in apart else _signed(_from_default(rows, row)) for row in rows}
    for name in data if len(data) > 1 else ():
        means = {row: found[name] for row, cells in rows.items() if name in (found := data_means(cells, "auroc"))}
        comparable = {row: value for row, value in means.items() if row not in apart}
        yield name, _bold(comparable, "auroc", {row: _short(means.get(row)) for row in rows})
    yield "seeds", {row: str(len({seed for _, seed in cells})) for row, cells in rows.items()}
    seconds = {row: float(np.mean([outcome.seconds for outcome in cells.values()])) for row, cells in rows.items()}
    yield "seconds", {row: _short(value, 1) for row, value in seconds.items()}
    yield (
        "code",
        {row: " ".join(dict.fromkeys(o.code[:N_SHOWN] for o in cells.values())) for row, cells in rows.items()},
    )


def _from_default(rows: Mapping[str, Cells], row: str) -> Interval | None:
    return None if row == DEFAULT or DEFAULT not in rows else difference(rows[row], rows[DEFAULT])


def _spelt(value: Interval | None) -> str:
    """A mean with its interval, which a single value has not."""
    if value is None or value.low == value.high:
        return _short(None if value is None else value.typical)
    return f"{value.typical:.3f} ({value.low:.3f} to {value.high:.3f})"


def _short(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _signed(value: Interval | None) -> str:
    if value is None or value.low == value.high:
        return "" if value is None else f"{value.typical:+.3f}"
    return f"{value.typical:+.3f} ({value.low:+.3f} to {value.high:+.3f})"


def _bold(values: Mapping[str, float], figure: str, spelt: Mapping[str, str]) -> dict[str, str]:
    """The texts, those of the best value in bold."""
    best: Callable[[Iterable[float]], float] = max if figure in HIGHER_IS_BETTER else min
    winner = best(values.values()) if values else None
    return {row: f"**{text}**" if row in values and values[row] == winner else text for row, text in spelt.items()}
