"""What the user knows of the cells of a table, in the order of the judged columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float64, Int64

from poleward.correction.constraints import Constraints
from poleward.correction.rules import Rules


@dataclass(frozen=True)
class Given:
    """Knowledge of n rows and d judged columns.

    wrong, trusted : known to be so
    broken : cells of a broken rule
    proposals : (row, d) -> the value that the rules determine for a cell of a broken rule
    places : the judged columns' places in the table
    """

    wrong: Bool[np.ndarray, "n d"]
    trusted: Bool[np.ndarray, "n d"]
    broken: Bool[np.ndarray, "n d"]
    proposals: Mapping[tuple[int, int], Any]
    places: Sequence[int]
    rules: Rules | None

    @classmethod
    def of(cls, constraints: Constraints, table: pa.Table, places: Sequence[int]) -> "Given":
        """Ask the constraints about the rows of a table."""
        nothing = np.zeros((table.num_rows, len(places)), bool)
        wrong, trusted = (
            nothing if mask is None else mask[:, places] for mask in (constraints.wrong, constraints.trusted)
        )
        rules = constraints.rules
        broken = nothing if rules is None else rules.violations(table)[:, places]
        proposals = {} if rules is None else proposed(rules, table, broken & ~trusted, places)
        return cls(wrong, trusted, broken, proposals, places, rules)

    def without(self, columns: Sequence[int]) -> "Given":
        """The same, but nothing is known of these columns."""
        wrong, trusted, broken = (mask.copy() for mask in (self.wrong, self.trusted, self.broken))
        for mask in (wrong, trusted, broken):
            mask[:, columns] = False
        proposals = {cell: value for cell, value in self.proposals.items() if cell[1] not in columns}
        return replace(self, wrong=wrong, trusted=trusted, broken=broken, proposals=proposals)

    @cached_property
    def proposed(self) -> Bool[np.ndarray, "n d"]:
        """Cells with a proposal."""
        mask = np.zeros(self.broken.shape, bool)
        for cell in self.proposals:
            mask[cell] = True
        return mask

    def weighed(self, wrong: Float64[np.ndarray, "m d"], rows: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, "m d"]:
        """Probabilities of being wrong, given this knowledge.

        Of the cells of a broken rule one is wrong: one for which the rules propose a value, if there is any. With
        w_j the probability that it is cell j when nothing is known of the rule, it becomes w_j / sum of w.
        """
        known = np.where(self.trusted[rows], 0.0, wrong)
        broken, open_ = self.broken[rows], self.proposed[rows]
        guilty = np.where(open_.any(1, keepdims=True), open_, broken)
        share = known * guilty / np.maximum((known * guilty).sum(1, keepdims=True), np.finfo(float).tiny)
        return np.where(self.wrong[rows], 1.0, np.maximum(known, share))

    def ruled(self, table: pa.Table, place: int, rows: Int64[np.ndarray, " m"], new: Any) -> Any:
        """New values of a column, those that the rules determine among them; null for one that they do not permit."""
        if self.rules is None or len(rows) == 0 or table.column_names[place] not in self.rules.columns:
            return new
        name, column, values = table.column_names[place], list(self.places).index(place), new.to_pylist()
        for at, (row, cells) in enumerate(zip(rows.tolist(), table.take(pa.array(rows)).to_pylist(), strict=True)):
            if (row, column) in self.proposals:
                values[at] = self.proposals[row, column]
            elif not self.rules.permits(name, values[at], cells):
                values[at] = None
        return pa.array(values, new.type)


def proposed(
    rules: Rules, table: pa.Table, broken: Bool[np.ndarray, "n d"], places: Sequence[int]
) -> dict[tuple[int, int], Any]:
    """The values that the rules determine for cells of broken rules, by row and judged column."""
    rows = np.flatnonzero(broken.any(1))
    found = {}
    for row, cells in zip(rows.tolist(), table.take(pa.array(rows)).to_pylist(), strict=True):
        for column in np.flatnonzero(broken[row]).tolist():
            name = table.column_names[places[column]]
            value = rules.propose(name, cells)
            if value is not None and value != cells[name]:
                found[row, column] = value
    return found
