"""Tables: which cells are wrong, and what should stand there."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray

from poleward.artifact.naming import under
from poleward.correction.beliefs import SUSPECTED, Beliefs, Hearing, shown, stacked
from poleward.correction.conditional import Conditional, Layout, Order
from poleward.correction.constraints import Constraints
from poleward.correction.exchange import exchange_of, shown_by_rows
from poleward.correction.knowledge import Given
from poleward.correction.quantities import FORMS, MOST_INTERVALS, Quantities, understood
from poleward.correction.swaps import MOST_ROWS, Swap, found_swaps
from poleward.correction.words import Words
from poleward.data.columns import (
    IGNORE,
    check_once,
    is_text,
    known,
    listed,
    named,
    natural_kind,
    own_order,
    readable,
    stated_kind,
)
from poleward.errors import SchemaError

FIT_ROWS = 20_000
"""Most rows to learn from, drawn from the table."""

UNDERSTOOD = 0.9
"""Share of a text column's cells that must be numbers, or dates, for the others to count as faults."""

MOST_SLOTS = 4096
"""Slots that the columns share; with many columns, the intervals of each are wider."""

MOST_COLUMNS = 500
"""With more columns each is judged by itself: a network of them all would not be trained in reasonable time."""

NewValues: TypeAlias = tuple[Int64[np.ndarray, " m"], Any]
"""Rows, and the Arrow array of what is to stand there."""

Column: TypeAlias = Words | Quantities
KINDS: Mapping[str, type[Words] | type[Quantities]] = {"words": Words, "quantities": Quantities}


@dataclass(frozen=True)
class TableCorrector:
    """Finds wrong cells, and puts in their place what the rest of the row, and the column, say was meant.

    columns : those that were learned; the others are left as they are
    schema : of the table it was fitted on
    swaps : columns that are swapped in some rows
    conditional : p(cell | the other cells of its row)

    >>> table = pa.table({"city": ["Bern"] * 30 + ["Basel"] * 30, "code": ["30"] * 30 + ["40"] * 29 + ["4O"]})
    >>> mask, probability, repaired = TableCorrector.fit(table, seed=0).correct(table)
    >>> np.argwhere(mask).tolist(), repaired["code"][59].as_py()
    ([[59, 1]], '40')
    """

    columns: tuple[Column, ...]
    schema: pa.Schema
    swaps: tuple[Swap, ...]
    conditional: Conditional

    @classmethod
    def fit(
        cls, table: pa.Table, seed: int, types: Mapping[str, str] | None = None, network: bool = True
    ) -> "TableCorrector":
        """Learn from the table as it is, its wrong cells included; from at most `FIT_ROWS` of its rows.

        types : column name -> "numeric", "categorical", "ordinal", "ordinal:small<large" with the levels in their
            order, "date" or "ignore", for columns to be read so
        network : without it, each column is judged by its own spelling and frequencies alone
        """
        check_once(table.column_names, table.column_names)
        rng = np.random.default_rng(seed)
        if table.num_rows > FIT_ROWS:
            table = table.take(np.sort(rng.permutation(table.num_rows)[:FIT_ROWS]))
        columns, left = fit_columns(table, types or {}), table
        by_cells = found_swaps(columns, table)
        if by_cells:
            left = without(table, columns, swapped_by_cells(by_cells, columns, table))
            columns = fit_columns(left, types or {})
        corrector = cls(columns, table.schema, by_cells, learned(columns, left, seed, network))
        if not corrector.conditional.networks:
            return corrector
        by_rows = corrector._swaps_shown(table)
        if shows_more(by_rows, by_cells):
            left = without(table, columns, replace(corrector, swaps=by_rows)._swapped(table))
            columns = fit_columns(left, types or {})
            corrector = cls(columns, table.schema, by_rows, learned(columns, left, seed, network))
            by_rows = corrector._swaps_shown(table)
        return replace(corrector, swaps=by_rows)

    def correct(
        self, table: pa.Table, constraints: Constraints | None = None, threshold: float | None = None
    ) -> tuple[Bool[np.ndarray, "n columns"], Float64[np.ndarray, "n columns"], pa.Table]:
        """Judge every cell, and repair those whose new value has support enough: ``threshold``, or its column's.

        A row's result depends on no other row, ``max_changes`` apart. A cell whose new value is not better supported
        than the old one stays, and so does a missing one that was not marked wrong.

        Returns
        -------
        mask : the cells that were changed
        probability : that a cell is wrong; 0 in a column that was not learned
        table : of the same schema, with the new values

        Errors
        ------
        SchemaError : a column is missing, or holds what its column cannot
        SettingError : the constraints do not fit the table
        """
        self._check(table)
        constraints = constraints or Constraints()
        constraints.check(table.column_names, (table.num_rows, table.num_columns))
        places = self._places(table)
        given = Given.of(constraints, table, places)
        beliefs = self._hearing(table, given).beliefs()
        probability = np.zeros((table.num_rows, table.num_columns))
        probability[:, places] = np.round(beliefs.wrong, 9)  # digits that no order of summing touches
        wanted = np.zeros(probability.shape)
        wanted[:, places] = self._wanted(table, beliefs, given, threshold)
        wanted[:, ~constraints.may_change(table.column_names)] = 0.0
        values = self._values(table, beliefs, wanted, given)
        mask = most_probable(wanted, constraints.max_changes)
        return mask, probability, replaced(table, mask, values)

    def to_manifest(self) -> dict[str, Any]:
        """What was learned, but for the arrays, as plain JSON values; the types as a base64 Arrow schema message."""
        schema = b64encode(self.schema.serialize().to_pybytes()).decode("ascii")
        swaps = [[swap.first, swap.second, swap.share] for swap in self.swaps]
        return {"schema": schema, "columns": [column.to_manifest() for column in self.columns], "swaps": swaps}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that were learned."""
        arrays = {"frequency": self.conditional.frequency, "trust": self.conditional.trust}
        for place, network in enumerate(self.conditional.networks):
            arrays |= {f"network/{place}/{name}": array for name, array in network.items()}
        for place, column in enumerate(self.columns):
            arrays |= {f"column/{place}/{name}": array for name, array in column.to_arrays().items()}
        return arrays

    @classmethod
    def restore(cls, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> "TableCorrector":
        """Rebuild the corrector that wrote the manifest and the arrays."""
        schema = pa.ipc.read_schema(pa.py_buffer(b64decode(manifest["schema"])))
        columns = tuple(
            KINDS[facts["kind"]].restore(schema.field(facts["name"]).type, facts, under(f"column/{place}/", arrays))
            for place, facts in enumerate(manifest["columns"])
        )
        layout = Layout.of([column.n_slots for column in columns])
        places = sorted({name.split("/")[0] for name in under("network/", arrays)})
        networks = tuple(under(f"network/{place}/", arrays) for place in places)
        swaps = tuple(Swap(*facts) for facts in manifest["swaps"])
        return cls(columns, schema, swaps, Conditional(layout, arrays["frequency"], networks, arrays["trust"]))

    def _check(self, table: pa.Table) -> None:
        names, there = [column.name for column in self.columns], set(table.column_names)
        missing = [name for name in names if name not in there]
        if missing:
            raise SchemaError(f"columns {listed(missing)} are missing; give a table with the columns that were learned")
        check_once(names, table.column_names)
        types = [dict(zip(schema.names, schema.types, strict=True)) for schema in (table.schema, self.schema)]
        for name in names:
            now, then = (held[name] for held in types)
            if now != then:
                raise SchemaError(f"column {name!r} holds {now}, but held {then} when it was learned; convert it")

    def _places(self, table: pa.Table) -> list[int]:
        """Where the learned columns stand in a table."""
        at = {name: place for place, name in enumerate(table.column_names)}
        return [at[column.name] for column in self.columns]

    def _hearing(self, table: pa.Table, given: Given | None = None) -> Hearing:
        """The rows of a table, of which nothing is known unless it is given."""
        cells = named(table)
        given = given or Given.of(Constraints(), table, self._places(table))
        read = [column.read(cells[column.name]) for column in self.columns]
        return Hearing(self.conditional, read, given, [exchange_of(swap, self.columns, cells) for swap in self.swaps])

    def _swaps_shown(self, table: pa.Table) -> tuple[Swap, ...]:
        """The swaps that rows of a table show when two of their cells are exchanged."""
        some = table.slice(0, MOST_ROWS)
        return shown_by_rows(replace(self, swaps=())._hearing(some), self.columns, some)

    def _swapped(self, table: pa.Table) -> Bool[np.ndarray, "n d"]:
        """The cells of the learned columns that are most likely swapped."""
        return self._hearing(table).beliefs().partner >= 0

    def _wanted(
        self, table: pa.Table, beliefs: Beliefs, given: Given, threshold: float | None
    ) -> Float64[np.ndarray, "n d"]:
        """Probability that the new value is right, where it is to be put; else 0."""
        certain = np.where(given.wrong | given.proposed, beliefs.wrong, np.where(given.trusted, 0.0, beliefs.support))
        cells = named(table)
        for place, column in enumerate(self.columns):
            missing = ~known(readable(cells[column.name]))
            certain[missing & ~(given.wrong | given.proposed)[:, place], place] = 0.0
        least = np.array([column.caution if threshold is None else threshold for column in self.columns])
        return np.where(certain >= least, certain, 0.0)

    def _swapped_in(
        self, table: pa.Table, partner: Int64[np.ndarray, " m"], rows: Int64[np.ndarray, " m"], new: Any
    ) -> Any:
        """New values of a column, those among them that stood in a partner's cell of the same row."""
        for other in np.unique(partner[partner >= 0]).tolist():
            there = table[self.columns[other].name].combine_chunks().take(pa.array(rows))
            new = pc.if_else(pa.array(partner == other), there, new)
        return new

    def _values(
        self, table: pa.Table, beliefs: Beliefs, wanted: Float64[np.ndarray, "n columns"], given: Given
    ) -> dict[int, NewValues]:
        """The new values of each column for its wanted rows; what would not change a cell is wanted no more."""
        values = {}
        for j, place in enumerate(given.places):
            rows = np.flatnonzero(wanted[:, place])
            kind = table.schema.field(place).type
            new = self.columns[j].write(beliefs.choice[rows, j], beliefs.number[rows, j], kind)
            new = given.ruled(table, place, rows, self._swapped_in(table, beliefs.partner[rows, j], rows, new))
            same = pc.equal(table[place].combine_chunks().take(pa.array(rows)), new)
            refused = new.is_null().to_numpy(zero_copy_only=False)
            wanted[rows[refused | same.fill_null(False).to_numpy(zero_copy_only=False)], place] = 0.0
            values[place] = (rows, new)
        return values


def fit_columns(table: pa.Table, types: Mapping[str, str]) -> tuple[Column, ...]:
    """Learn every column that holds something to learn from."""
    most = int(np.clip(MOST_SLOTS // max(1, table.num_columns), 4, MOST_INTERVALS))
    named = zip(table.column_names, table.columns, strict=True)
    fitted = [fit_column(name, column, types.get(name), most) for name, column in named]
    return tuple(column for column in fitted if column is not None)


def learned(columns: Sequence[Column], table: pa.Table, seed: int, network: bool) -> Conditional:
    """What the other cells of a row say about each; without networks, what its column says."""
    layout, cells = Layout.of([column.n_slots for column in columns]), named(table)
    read = [column.read(cells[column.name]) for column in columns]
    own = stacked([cells.slot for cells in read], table.num_rows)
    if not network or not 2 <= len(columns) <= MOST_COLUMNS:
        return Conditional.of_frequencies(layout, own)
    order = Order(*(np.concatenate([getattr(column, name) for column in columns]) for name in ("ranks", "alone")))
    return Conditional.fit(layout, shown(read, table.num_rows), own, seed, order)


def swapped_by_cells(swaps: Sequence[Swap], columns: Sequence[Column], table: pa.Table) -> Bool[np.ndarray, "n d"]:
    """The cells of the learned columns that are most likely swapped, by the two cells alone."""
    swapped = np.zeros((table.num_rows, len(columns)), bool)
    for swap in swaps:
        swapped[:, swap.pair] = (swap.probability(columns, table) > SUSPECTED)[:, None]
    return swapped


def without(table: pa.Table, columns: Sequence[Column], cells: Bool[np.ndarray, "n d"]) -> pa.Table:
    """The table without some cells of the learned columns."""
    for column, gone in zip(columns, cells.T, strict=True):
        if gone.any():
            kept = pc.if_else(pa.array(gone), pa.scalar(None, table[column.name].type), table[column.name])
            table = table.set_column(table.column_names.index(column.name), table.schema.field(column.name), kept)
    return table


def shows_more(swaps: Sequence[Swap], known: Sequence[Swap]) -> bool:
    """Tell whether some columns are swapped in more than twice as many rows as known.

    >>> shows_more([Swap(0, 1, 0.05)], [Swap(0, 1, 0.04)]), shows_more([Swap(0, 1, 0.05)], [])
    (False, True)
    """
    shares = {(swap.first, swap.second): swap.share for swap in known}
    return any(swap.share > 2 * shares.get((swap.first, swap.second), 0.0) for swap in swaps)


def fit_column(name: str, column: Any, kind: str | None, most_slots: int) -> Column | None:
    """Learn a column as the kind that is wanted, or else as what its cells suggest; None for one to leave alone."""
    cells = readable(column)
    if kind == IGNORE or cells.null_count == len(cells):
        return None
    kind, order = stated_kind(kind or likely_kind(column.type, cells))
    if kind is None:
        return None
    if kind == "ordinal":
        return Words.fit(name, column, order or own_order(name, column))
    if kind == "categorical" or understood(cells, kind).null_count == len(cells):
        return Words.fit(name, column)
    return Quantities.fit(name, column, kind, most_slots)


def likely_kind(type: pa.DataType, cells: Any) -> str | None:  # noqa: A002
    """Tell what most cells of a column are; a text column whose cells are nearly all numbers holds numbers."""
    if is_text(cells.type) and not pa.types.is_dictionary(type):
        present = cells.drop_null()
        for kind in FORMS:
            if understood(present, kind).null_count <= (1 - UNDERSTOOD) * len(present):
                return kind
        return "categorical"
    return natural_kind(type, cells)


def most_probable(wanted: Float64[np.ndarray, "n columns"], most: int | None) -> Bool[np.ndarray, "n columns"]:
    """The wanted cells, at most so many; the most certain first, then in reading order.

    >>> most_probable(np.array([[0.9, 0.0], [0.95, 0.9]]), 2).tolist()
    [[True, False], [True, False]]
    """
    mask = wanted > 0
    if most is not None and mask.sum() > most:
        order = np.argsort(-wanted, axis=None, kind="stable")
        mask.flat[order[most:]] = False
    return mask


def replaced(table: pa.Table, mask: Bool[np.ndarray, "n columns"], values: Mapping[int, NewValues]) -> pa.Table:
    """The table with new values in the cells of the mask, and every other cell as it was."""
    for place, (rows, new) in values.items():
        kept = mask[rows, place]
        if kept.any():
            field = table.schema.field(place)
            order = np.arange(len(mask))
            order[rows[kept]] = len(mask) + np.arange(kept.sum())
            joined = pa.chunked_array([*table[place].chunks, new.filter(pa.array(kept))], field.type)
            table = table.set_column(place, field, joined.take(pa.array(order)))
    return table
