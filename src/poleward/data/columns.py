"""What the columns of a table hold, learned from the training rows, and how each becomes numbers and comes back.

Rows are counted from 1 in every message.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float, Float64

from poleward.data.scaling import RobustScale, into_dtype
from poleward.errors import SchemaError, SettingError, SourceError
from poleward.records import Block, Features

Cells: TypeAlias = Any
"""A pyarrow array: the cells of one column."""

MISSING_TOKENS = ("", "NA", "N/A", "nan", "NaN", "null", "None", "?")
"""Texts that mean an empty cell, after blanks around them are taken away."""

MAX_LEVELS = 1000
"""A text column with more distinct values than this is no set of categories."""

IDENTIFIER_LEVELS = 100
IDENTIFIER_SHARE = 0.5
"""A text column with more than 100 distinct values in over half of its cells names rows rather than groups them."""

LARGEST_NUMBER = 1e150
"""Magnitude beyond which a square no longer fits in float64."""

WHOLE_NUMBER = r"^[+-]?[0-9]{1,15}$"
"""Texts of integers that float64 holds exactly."""

RESOLUTIONS: Mapping[int, pa.DataType] = {
    86_400_000_000: pa.timestamp("s"),
    1_000_000: pa.timestamp("s"),
    1_000: pa.timestamp("ms"),
    1: pa.timestamp("us"),
}
"""Microseconds in a day, second, millisecond, microsecond, each with the coarsest Arrow type that holds it."""

YEARS_1_TO_9999 = (-62_135_596_800.0, 253_402_214_400.0)
NANOSECOND_YEARS = (-9_223_286_400.0, 9_223_286_400.0)
"""Midnights, in seconds from 1970, between which any date can be written, and one of a type in nanoseconds."""


@dataclass(frozen=True)
class Numeric:
    """A column of numbers, typed or written as text, on its ``RobustScale``.

    type : of the column in the source
    whole : a text column of integers, which is written back without decimals
    """

    name: str
    type: pa.DataType
    scale: RobustScale
    whole: bool

    kind: ClassVar[str] = "numeric"
    width: ClassVar[int] = 1

    @classmethod
    def fit(cls, name: str, type: pa.DataType, cells: Cells) -> "Numeric":  # noqa: A002 - the Arrow word
        """Learn the column from its training cells, at least one of them observed."""
        x = numbers(name, cells)
        whole = is_text(cells.type) and bool(pc.all(pc.match_substring_regex(trimmed(cells), WHOLE_NUMBER)).as_py())
        return cls(name, type, RobustScale.of(x[~np.isnan(x)]), whole)

    @property
    def varies(self) -> bool:
        """Whether the training cells were more than one constant."""
        return self.scale.varies

    def encode(self, cells: Cells) -> Float64[np.ndarray, "n 1"]:
        """Scale the cells; a missing one is 0."""
        return scaled(numbers(self.name, cells), self.scale)

    def decode(self, values: Float64[np.ndarray, "n 1"]) -> Cells:
        """Bring scaled values back to numbers of the source's type, integers rounded; 12 digits in text."""
        x = self.scale.restore(values[:, 0])
        if pa.types.is_decimal(self.type):
            limit = np.nextafter(10.0 ** (self.type.precision - self.type.scale) - 10.0**-self.type.scale, 0.0)
            return pa.array(np.clip(x, -limit, limit)).cast(self.type)
        value_type = plain_type(self.type)
        if is_text(value_type):
            written = into_dtype(x, np.int64) if self.whole else np.char.mod("%.12g", into_dtype(x, np.float64))
            return as_type(pa.array(written), self.type)
        return as_type(pa.array(into_dtype(x, value_type.to_pandas_dtype())), self.type)

    def to_manifest(self) -> dict[str, Any]:
        """Return what was learned as plain JSON values; the table keeps the type."""
        return {"name": self.name, "kind": self.kind, "scale": asdict(self.scale), "whole": self.whole}

    @classmethod
    def from_manifest(cls, type: pa.DataType, facts: Mapping[str, Any]) -> "Numeric":  # noqa: A002
        """Rebuild the column."""
        return cls(facts["name"], type, RobustScale(**facts["scale"]), facts["whole"])


@dataclass(frozen=True)
class Date:
    """A column of dates, typed or ISO 8601 text: seconds since 1970-01-01 UTC on their ``RobustScale``.

    resolution : microseconds, the coarsest of day, second, millisecond and microsecond that tells the training dates
        exactly; decoded dates are rounded to it
    pattern : strftime pattern of a text column, "" of a typed one
    """

    name: str
    type: pa.DataType
    scale: RobustScale
    resolution: int
    pattern: str

    kind: ClassVar[str] = "date"
    width: ClassVar[int] = 1

    @classmethod
    def fit(cls, name: str, type: pa.DataType, cells: Cells) -> "Date":  # noqa: A002
        """Learn the column from its training cells, at least one of them observed."""
        ticks = microseconds(name, cells)
        known = ticks.drop_null().to_numpy()
        resolution = next(unit for unit in RESOLUTIONS if not (known % unit).any())
        pattern = date_pattern(cells.drop_null()[0].as_py(), resolution) if is_text(cells.type) else ""
        return cls(name, type, RobustScale.of(known / 1e6), resolution, pattern)

    @property
    def varies(self) -> bool:
        """Whether the training cells were more than one constant."""
        return self.scale.varies

    def encode(self, cells: Cells) -> Float64[np.ndarray, "n 1"]:
        """Scale the cells; a missing one is 0."""
        return scaled(floats(microseconds(self.name, cells)) / 1e6, self.scale)

    def decode(self, values: Float64[np.ndarray, "n 1"]) -> Cells:
        """Bring scaled values back to dates of the source's type or text."""
        limits = NANOSECOND_YEARS if getattr(self.type, "unit", None) == "ns" else YEARS_1_TO_9999
        seconds = np.clip(self.scale.restore(values[:, 0]), *limits)
        ticks = (np.rint(seconds * (1e6 / self.resolution)) * self.resolution).astype(np.int64)
        dates: Cells = pa.array(ticks).cast(pa.timestamp("us"))
        if not self.pattern:
            return dates.cast(self.type, safe=False)
        whole = dates.cast(RESOLUTIONS[self.resolution])
        return as_type(pc.strftime(whole, format=self.pattern), self.type)

    def to_manifest(self) -> dict[str, Any]:
        """Return what was learned as plain JSON values; the table keeps the type."""
        facts = {"scale": asdict(self.scale), "resolution": self.resolution, "pattern": self.pattern}
        return {"name": self.name, "kind": self.kind, **facts}

    @classmethod
    def from_manifest(cls, type: pa.DataType, facts: Mapping[str, Any]) -> "Date":  # noqa: A002
        """Rebuild the column."""
        return cls(facts["name"], type, RobustScale(**facts["scale"]), facts["resolution"], facts["pattern"])


@dataclass(frozen=True)
class Categorical:
    """A column of categories: one slot of 0 or 1 for each level, in sorted order, and one for a level never seen.

    A scorer on raw inputs sees a mismatch of two levels as squared distance 2.
    """

    name: str
    type: pa.DataType
    levels: tuple[str, ...]

    kind: ClassVar[str] = "categorical"

    @classmethod
    def fit(cls, name: str, type: pa.DataType, cells: Cells) -> "Categorical":  # noqa: A002
        """Learn the levels from the training cells, at least one of them observed."""
        return cls(name, type, tuple(sorted(texts(name, cells).unique().drop_null().to_pylist())))

    @property
    def width(self) -> int:
        """The number of slots."""
        return len(self.levels) + 1

    @property
    def varies(self) -> bool:
        """Whether the training cells were more than one constant."""
        return len(self.levels) > 1

    def encode(self, cells: Cells) -> Float64[np.ndarray, "n width"]:
        """Set one slot of each row to 1, and none where the cell is missing."""
        text = texts(self.name, cells)
        level: Cells = pc.index_in(text, value_set=pa.array(self.levels, pa.large_string()))
        slots = np.zeros((len(text), self.width))
        rows = np.flatnonzero(known(text))
        slots[rows, level.fill_null(len(self.levels)).to_numpy()[rows]] = 1.0
        return slots

    def decode(self, values: Float64[np.ndarray, "n width"]) -> Cells:
        """Name the level with the largest value; an empty cell where that is the slot of levels never seen."""
        names = pa.array([*self.levels, None], pa.large_string())
        return as_type(names.take(pa.array(values.argmax(axis=1))), self.type)

    def to_manifest(self) -> dict[str, Any]:
        """Return what was learned as plain JSON values; the table keeps the type."""
        return {"name": self.name, "kind": self.kind, "levels": list(self.levels)}

    @classmethod
    def from_manifest(cls, type: pa.DataType, facts: Mapping[str, Any]) -> "Categorical":  # noqa: A002
        """Rebuild the column."""
        return cls(facts["name"], type, tuple(facts["levels"]))


@dataclass(frozen=True)
class Ordinal:
    """A column of categories in an order: the rank of each, from 0, as a number on its ``RobustScale``.

    A level that is not among them lies as far beyond the last as that does from the one before the first.

    levels : from the lowest to the highest
    """

    name: str
    type: pa.DataType
    levels: tuple[str, ...]
    scale: RobustScale

    kind: ClassVar[str] = "ordinal"
    width: ClassVar[int] = 1

    @classmethod
    def fit(cls, name: str, type: pa.DataType, cells: Cells, levels: Sequence[str]) -> "Ordinal":  # noqa: A002
        """Learn how often each level occurs; SettingError if none of them does."""
        rank = ranks(name, cells, levels)
        if not (rank < len(levels)).any():
            raise SettingError(f"column {name!r} holds none of the levels {' < '.join(levels)}; name those it holds.")
        return cls(name, type, tuple(levels), RobustScale.of(rank[rank < len(levels)]))

    @property
    def varies(self) -> bool:
        """Whether the training cells were more than one constant."""
        return self.scale.varies

    def encode(self, cells: Cells) -> Float64[np.ndarray, "n 1"]:
        """Scale the ranks; a missing one is 0."""
        return scaled(ranks(self.name, cells, self.levels), self.scale)

    def decode(self, values: Float64[np.ndarray, "n 1"]) -> Cells:
        """Name the nearest level."""
        rank = np.clip(np.rint(self.scale.restore(values[:, 0])), 0, len(self.levels) - 1)
        return as_type(pa.array(self.levels, pa.large_string()).take(pa.array(rank.astype(np.int64))), self.type)

    def to_manifest(self) -> dict[str, Any]:
        """Return what was learned as plain JSON values; the table keeps the type."""
        return {"name": self.name, "kind": self.kind, "levels": list(self.levels), "scale": asdict(self.scale)}

    @classmethod
    def from_manifest(cls, type: pa.DataType, facts: Mapping[str, Any]) -> "Ordinal":  # noqa: A002
        """Rebuild the column."""
        return cls(facts["name"], type, tuple(facts["levels"]), RobustScale(**facts["scale"]))


def ranks(name: str, cells: Cells, levels: Sequence[str]) -> Float64[np.ndarray, " n"]:
    """The rank of each cell's level, NaN where missing, 2 k - 1 for what is none of the k levels.

    >>> ranks("size", pa.array(["large", None, "huge"]), ["small", "large"]).tolist()
    [1.0, nan, 3.0]
    """
    text = trimmed(texts(name, cells))
    found: Cells = pc.index_in(text, value_set=pa.array(levels, pa.large_string()))
    rank = found.fill_null(2 * len(levels) - 1).to_numpy(zero_copy_only=False).astype(np.float64)
    return np.where(known(text), rank, np.nan)


def stated_kind(stated: str | None) -> tuple[str | None, tuple[str, ...]]:
    """The kind of a column that a user asks for, and the order of its levels if he states one.

    >>> stated_kind("ordinal:small < medium < large"), stated_kind("date"), stated_kind(None)
    (('ordinal', ('small', 'medium', 'large')), ('date', ()), (None, ()))
    """
    kind, colon, order = (stated or "").partition(":")
    return kind or None, tuple(level.strip() for level in order.split("<")) if colon else ()


def own_order(name: str, column: Cells) -> tuple[str, ...]:
    """The order in which a column's levels are by themselves: that of its type, or of numbers.

    Errors
    ------
    SettingError : the levels are words, whose order only a user knows
    """
    if pa.types.is_dictionary(column.type) and column.type.ordered and column.num_chunks:
        return tuple(column.unify_dictionaries().chunk(0).dictionary.cast(pa.large_string()).to_pylist())
    levels = texts(name, readable(column)).unique().drop_null()
    value = parsed(levels, pa.float64())
    if value is None:
        some = " < ".join(sorted(levels.to_pylist())[:3])
        raise SettingError(f"column {name!r} is to be ordinal, but holds words; say their order: {name}=ordinal:{some}")
    return tuple(trimmed(levels).take(pc.sort_indices(value)).unique().to_pylist())


@dataclass(frozen=True)
class LeftOut:
    """A column of the training table that the model does not see, and why."""

    name: str
    reason: str


Column = Numeric | Date | Categorical | Ordinal
KINDS: Mapping[str, type[Numeric] | type[Date] | type[Categorical] | type[Ordinal]] = {
    "numeric": Numeric,
    "categorical": Categorical,
    "ordinal": Ordinal,
    "date": Date,
}
OF_CELLS: Mapping[str, type[Numeric] | type[Date] | type[Categorical]] = {
    kind.kind: kind for kind in (Numeric, Date, Categorical)
}
"""Those of which the cells alone tell all."""

IGNORE = "ignore"


class TablePreparation:
    """Tables whose columns are told apart by their training cells: numbers, categories, dates.

    Typed numbers, and text that all reads as numbers, are numeric; typed dates and ISO 8601 text are dates; booleans
    and other text are categories, ordinal ones where their type has an order (an ordered dictionary), unless the text
    has so many distinct values that it names rows (more than ``MAX_LEVELS``, or more than ``IDENTIFIER_LEVELS`` in over
    ``IDENTIFIER_SHARE`` of its cells): such a column is left out. Cells that are null, NaN or one of ``MISSING_TOKENS``
    are missing: unobserved, 0 in the prepared row, and without a part in any statistic.

    Parameters
    ----------
    types : column name -> ``"numeric"``, ``"categorical"``, ``"ordinal"``, ``"ordinal:small<large"`` with the levels
        in their order, ``"date"`` or ``"ignore"``, for columns to be read so

    Examples
    --------
    >>> table = pa.table({"width": ["1", "3"], "colour": ["red", "blue"]})
    >>> preparation = TablePreparation().fit(table)
    >>> [(block.name, block.kind, block.width) for block in preparation.blocks]
    [('width', 'numeric', 1), ('colour', 'categorical', 3)]
    >>> preparation.encode(table).values.tolist()
    [[-1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]]
    """

    kind = "table"

    def __init__(self, types: Mapping[str, str] | None = None) -> None:
        self.types = dict(types or {})
        for name, stated in self.types.items():
            require_kind(name, stated)
        self.columns: tuple[Column, ...] = ()
        self.left_out: tuple[LeftOut, ...] = ()
        self.has_missing = False

    @property
    def blocks(self) -> tuple[Block, ...]:
        """One block for each column: ``"numeric"`` (also for a date) or ``"categorical"``."""
        starts = np.cumsum([0, *(column.width for column in self.columns)])
        return tuple(
            Block(
                column.name, "categorical" if isinstance(column, Categorical) else "numeric", int(start), column.width
            )
            for column, start in zip(self.columns, starts, strict=False)
        )

    @property
    def shape(self) -> tuple[int]:
        """(cells,) of one prepared row."""
        return (sum(column.width for column in self.columns),)

    @property
    def squeezed(self) -> Float64[np.ndarray, "3 cells"]:
        """Of every cell: 1 where t = v deviation + mean is an asinh and 0 elsewhere, the mean, and the deviation."""
        found = np.zeros((3, self.shape[0]))
        found[2] = 1
        for column, block in zip(self.columns, self.blocks, strict=True):
            if not isinstance(column, Categorical) and column.scale.stretch == "asinh":
                found[:, block.start] = 1, column.scale.mean, column.scale.deviation
        return found

    def fit(self, table: pa.Table) -> "TablePreparation":
        """Decide what each column holds and learn its scale or levels.

        Errors
        ------
        SourceError : no row, two columns of one name, no column to learn from, nothing that varies, or a number that is
            infinite or too large
        SettingError : ``types`` names a column that the table does not have
        """
        self._check_training(table)
        fitted = [fit_column(name, table[name], self.types.get(name)) for name in table.column_names]
        self.columns = tuple(column for column in fitted if not isinstance(column, LeftOut))
        self.left_out = tuple(column for column in fitted if isinstance(column, LeftOut))
        if not any(column.varies for column in self.columns):
            raise SourceError(
                f"nothing varies in the training table: {' '.join(self.describe())} Give rows that differ."
            )
        self.has_missing = any(not known(readable(table[column.name])).all() for column in self.columns)
        return self

    def encode(self, table: pa.Table) -> Features:
        """Prepare rows; columns may come in any order, and others beside them are passed over.

        Returns
        -------
        Features : (n, cells) float64; a missing cell is 0 in all its slots and unobserved

        Errors
        ------
        SchemaError : columns that are missing or come twice, or a cell that its column cannot hold
        SourceError : a number that is infinite or too large
        """
        self._check(table)
        values = np.empty((table.num_rows, *self.shape))
        observed = np.empty(values.shape, dtype=bool)
        for column, block in zip(self.columns, self.blocks, strict=True):
            cells = readable(table[column.name])
            slots = slice(block.start, block.start + block.width)
            values[:, slots] = column.encode(cells)
            observed[:, slots] = known(cells)[:, None]
        return Features(values, None if observed.all() else observed)

    def decode(self, values: Float[np.ndarray, "n cells"]) -> pa.Table:
        """Bring prepared rows back to a table with the training table's order and types; left-out columns stay out."""
        cells = [
            column.decode(values[:, block.start : block.start + block.width].astype(np.float64))
            for column, block in zip(self.columns, self.blocks, strict=True)
        ]
        return pa.Table.from_arrays(cells, schema=self._schema())

    def to_manifest(self) -> dict[str, Any]:
        """Return everything that ``fit`` learned as plain JSON values; the types as a base64 Arrow schema message."""
        return {
            "kind": self.kind,
            "schema": b64encode(self._schema().serialize().to_pybytes()).decode("ascii"),
            "columns": [column.to_manifest() for column in self.columns],
            "left_out": [asdict(column) for column in self.left_out],
            "has_missing": self.has_missing,
        }

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> "TablePreparation":
        """Rebuild the fitted preparation that wrote the manifest."""
        preparation = cls()
        schema = pa.ipc.read_schema(pa.py_buffer(b64decode(manifest["schema"])))
        preparation.columns = tuple(
            KINDS[facts["kind"]].from_manifest(field.type, facts)
            for field, facts in zip(schema, manifest["columns"], strict=True)
        )
        preparation.left_out = tuple(LeftOut(**facts) for facts in manifest["left_out"])
        preparation.has_missing = manifest["has_missing"]
        return preparation

    def describe(self) -> list[str]:
        """Say in sentences what each column was taken for, which ones were left out, and why."""
        heavy = [titled(c.name) for c in self.columns if not isinstance(c, Categorical) and c.scale.stretch == "asinh"]
        groups = {
            **{kind.capitalize(): [in_words(c) for c in self.columns if c.kind == kind] for kind in KINDS},
            "Heavy-tailed, scaled through asinh": heavy,
            "Constant in training, kept": [titled(c.name) for c in self.columns if not c.varies],
        }
        sentences = [f"{title}: {', '.join(names)}." for title, names in groups.items() if names]
        sentences += [f"Left out: {titled(column.name)} ({column.reason})." for column in self.left_out]
        if self.has_missing:
            sentences.append("Some training cells are missing; they take no part in the scaling.")
        return sentences

    def _schema(self) -> pa.Schema:
        return pa.schema([(column.name, column.type) for column in self.columns])

    def _check_training(self, table: pa.Table) -> None:
        if table.num_rows == 0 or table.num_columns == 0:
            raise SourceError(f"no cell to learn from: {table.num_rows} rows of {table.num_columns} columns.")
        check_once(table.column_names, table.column_names)
        unknown = [name for name in self.types if name not in table.column_names]
        if unknown:
            raise SettingError(f"types names {listed(unknown)}; the columns are {listed(table.column_names)}.")

    def _check(self, table: pa.Table) -> None:
        names = [column.name for column in self.columns]
        missing = [name for name in names if name not in table.column_names]
        if missing:
            raise SchemaError(
                f"{len(missing)} of the model's {len(names)} columns are missing: {listed(missing)}. "
                "Give a table with the columns that the model was trained on."
            )
        check_once(names, table.column_names)


def require_kind(name: str, stated: str) -> None:
    """SettingError for a kind that no column can have, or for an order of fewer than two levels."""
    kind, order = stated_kind(stated)
    if kind not in (*KINDS, IGNORE):
        raise SettingError(f"column {name!r} is asked to be {stated!r}; accepted are {', '.join((*KINDS, IGNORE))}.")
    if ":" in stated and (kind != Ordinal.kind or not all(order) or len(set(order)) < max(2, len(order))):
        raise SettingError(f"column {name!r} is asked to be {stated!r}; an order has two levels or more, each once")


def fit_column(name: str, column: Cells, wanted: str | None) -> Column | LeftOut:
    """Learn one column as the kind that is wanted, or else as the kind that its cells suggest."""
    if wanted == IGNORE:
        return LeftOut(name, "as asked")
    cells = readable(column)
    if cells.null_count == len(cells):
        return LeftOut(name, "no value in training")
    kind, order = stated_kind(wanted or natural_kind(column.type, cells))
    if kind is None:
        return LeftOut(name, f"cells of type {column.type} are neither numbers, categories nor dates")
    if kind == Ordinal.kind:
        return Ordinal.fit(name, column.type, cells, order or own_order(name, column))
    fitted = OF_CELLS[kind].fit(name, column.type, cells)
    if wanted is None and isinstance(fitted, Categorical) and names_rows(fitted, len(cells) - cells.null_count):
        return LeftOut(name, f"identifier-like: {len(fitted.levels)} distinct values in {len(cells)} rows")
    return fitted


def natural_kind(type: pa.DataType, cells: Cells) -> str | None:  # noqa: A002
    """Tell what a column holds from its type in the source and its readable cells."""
    if pa.types.is_dictionary(type) and type.ordered:
        return "ordinal"
    if is_text(cells.type):
        if parsed(cells, pa.float64()) is not None:
            return "numeric"
        return "categorical" if parsed_dates(cells) is None else "date"
    if pa.types.is_dictionary(type) or pa.types.is_boolean(type):
        return "categorical"
    if pa.types.is_integer(type) or pa.types.is_floating(type) or pa.types.is_decimal(type):
        return "numeric"
    return "date" if is_date(type) else None


def names_rows(column: Categorical, n_observed: int) -> bool:
    """Tell whether a text column has so many levels that it names rows instead of grouping them."""
    n_levels = len(column.levels)
    return n_levels > MAX_LEVELS or (n_levels > IDENTIFIER_LEVELS and n_levels > IDENTIFIER_SHARE * n_observed)


def is_text(type: pa.DataType) -> bool:  # noqa: A002
    """Tell whether cells are strings."""
    return any(belongs(type) for belongs in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def is_date(type: pa.DataType) -> bool:  # noqa: A002
    """Tell whether cells are dates or moments."""
    return any(belongs(type) for belongs in (pa.types.is_date, pa.types.is_timestamp))


def plain_type(type: pa.DataType) -> pa.DataType:  # noqa: A002
    """Return the type of the cells themselves where a dictionary stands between."""
    return type.value_type if pa.types.is_dictionary(type) else type


def readable(column: Cells) -> Cells:
    """Join a column's chunks into one array without dictionary, in which every missing cell is null."""
    cells = column.cast(plain_type(column.type)).combine_chunks()
    if is_text(cells.type):
        return without_tokens(cells.cast(pa.large_string()))
    if pa.types.is_floating(cells.type):
        return pc.if_else(pc.is_nan(cells), pa.scalar(None, cells.type), cells)
    return cells


def without_tokens(text: Cells) -> Cells:
    """Null the cells that say in words that they are empty."""
    missing = pc.is_in(trimmed(text), value_set=pa.array(MISSING_TOKENS, text.type))
    return pc.if_else(missing, pa.scalar(None, text.type), text) if pc.any(missing).as_py() else text


def trimmed(text: Cells) -> Cells:
    """Take away the blanks around each text."""
    return pc.utf8_trim_whitespace(text)


def known(cells: Cells) -> Bool[np.ndarray, " n"]:
    """Tell which cells of a readable column hold a value."""
    return np.asarray(cells.is_valid().to_numpy(zero_copy_only=False))


def parsed(text: Cells, type: pa.DataType) -> Cells | None:  # noqa: A002
    """Read text as a type, or return None if one cell is not of it."""
    try:
        return trimmed(text).cast(type)
    except pa.ArrowInvalid:
        return None


def parsed_dates(text: Cells) -> Cells | None:
    """Read ISO 8601 text, all with or all without a zone, as moments; without one they count as UTC."""
    local = parsed(text, pa.timestamp("us"))
    return parsed(text, pa.timestamp("us", "UTC")) if local is None else local


def numbers(name: str, cells: Cells) -> Float64[np.ndarray, " n"]:
    """Read a column's cells as numbers, NaN where missing."""
    x = floats(cast_cells(name, cells, pa.float64(), "numbers"))
    beyond = np.flatnonzero(np.abs(x) > LARGEST_NUMBER)
    if len(beyond):
        raise SourceError(
            f"column {name!r}, row {beyond[0] + 1}: {x[beyond[0]]:g} is infinite or beyond {LARGEST_NUMBER:g}. "
            "Leave the cell empty if it has no value."
        )
    return x


def microseconds(name: str, cells: Cells) -> Cells:
    """Read a column's cells as moments in integer microseconds since 1970-01-01 UTC, null where missing."""
    if is_text(cells.type):
        dates = parsed_dates(cells)
        return (cast_cells(name, cells, zone_of(cells), "dates") if dates is None else dates).cast(pa.int64())
    if not is_date(cells.type) and not pa.types.is_null(cells.type):
        raise SchemaError(f"column {name!r} holds {cells.type}; the model reads dates there.")
    return cells.cast(pa.timestamp("us", getattr(cells.type, "tz", None)), safe=False).cast(pa.int64())


def zone_of(text: Cells) -> pa.DataType:
    """Return the type of moment that the first text stands for: without a zone if it reads so."""
    local = pa.timestamp("us")
    return pa.timestamp("us", "UTC") if parsed(text.drop_null()[:1], local) is None else local


def texts(name: str, cells: Cells) -> Cells:
    """Read a column's cells as names of categories, null where missing."""
    return cast_cells(name, cells, pa.large_string(), "categories")


def cast_cells(name: str, cells: Cells, type: pa.DataType, what: str) -> Cells:  # noqa: A002
    """Read cells as a type, or say which row cannot be."""
    if is_text(cells.type) and not is_text(type):
        read = parsed(cells, type)
        if read is None:
            row = next(row for row in range(len(cells)) if parsed(cells[row : row + 1], type) is None)
            found = cells[row].as_py()
            raise SchemaError(f"column {name!r}, row {row + 1}: {found!r} found where the model reads {what}.")
        return read
    try:
        return cells.cast(type, safe=False)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise SchemaError(f"column {name!r} holds {cells.type}; the model reads {what} there.") from error


def floats(cells: Cells) -> Float64[np.ndarray, " n"]:
    """Return numeric cells as float64, NaN where null."""
    return np.asarray(cells.to_numpy(zero_copy_only=False), dtype=np.float64)


def scaled(x: Float64[np.ndarray, " n"], scale: RobustScale) -> Float64[np.ndarray, "n 1"]:
    """Scale values, and put the column's centre where one is missing."""
    v = scale.prepare(x)
    return np.where(np.isnan(v), 0.0, v)[:, None]


def date_pattern(example: str, resolution: int) -> str:
    """Return the strftime pattern that writes dates as the source wrote this one.

    Examples
    --------
    >>> date_pattern("2024-05-01 10:00:00Z", 1_000_000)
    '%Y-%m-%d %H:%M:%SZ'
    """
    text = example.strip()
    separator, zone = ("T" if "T" in text else " "), ("Z" if "+" in text or text.endswith("Z") else "")
    if resolution == max(RESOLUTIONS) and len(text) == len("2024-05-01"):
        return "%Y-%m-%d"
    return f"%Y-%m-%d{separator}%H:%M:%S{zone}"


def as_type(cells: Cells, type: pa.DataType) -> Cells:  # noqa: A002
    """Cast cells to the source's type, a dictionary included."""
    if not pa.types.is_dictionary(type):
        return cells.cast(type)
    encoded = cells.cast(type.value_type).dictionary_encode()
    return pa.DictionaryArray.from_arrays(
        encoded.indices.cast(type.index_type), encoded.dictionary, ordered=type.ordered
    )


def named(table: pa.Table) -> dict[str, Any]:
    """The columns by their names, looked up once where there are thousands."""
    return dict(zip(table.column_names, table.columns, strict=True))


def check_once(names: Iterable[str], present: Sequence[str]) -> None:
    """Refuse a table in which one of the names stands over two columns."""
    twice = [name for name in dict.fromkeys(names) if present.count(name) > 1]
    if twice:
        raise SchemaError(f"more than one column is named {listed(twice)}; give each column one name.")


def titled(name: str) -> str:
    """Return a column's name, or words in place of an empty one.

    Examples
    --------
    >>> titled("width"), titled("")
    ('width', '(unnamed)')
    """
    return name or "(unnamed)"


def in_words(column: Column) -> str:
    """A column's name, and the order of its levels if they have one."""
    return (
        f"{titled(column.name)} ({' < '.join(column.levels)})" if isinstance(column, Ordinal) else titled(column.name)
    )


def listed(names: Sequence[str]) -> str:
    """Quote names in a row, the first twenty of many.

    Examples
    --------
    >>> listed(["width", "colour"])
    "'width', 'colour'"
    """
    shown = ", ".join(repr(name) for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"
