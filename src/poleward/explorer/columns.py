"""Columns to filter and sort by: numbers with NaN, or texts with the empty one, for a missing cell."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from poleward.data.reading import listed
from poleward.data.selection import match_ids
from poleward.data.tables import read_table
from poleward.errors import SourceError

Columns = Mapping[str, NDArray[Any]]
"""name -> (n,) float64 or object (texts)"""


def plain_columns(table: pa.Table) -> dict[str, NDArray[Any]]:
    """Every column as numbers where all its cells are numbers, else as texts; nested and binary ones are left out.

    >>> plain_columns(pa.table({"a": ["1", None], "b": ["1", "x"], "c": [True, False]}))["b"].tolist()
    ['1', 'x']
    """
    return {name: _plain(table.column(name)) for name in table.column_names if _is_plain(table.column(name).type)}


def read_catalogue(content: bytes) -> pa.Table:
    """A csv that came over the wire, every cell as text; SourceError when it is none or has no column ``id``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "catalogue.csv")
        path.write_bytes(content)
        try:
            table = read_table(path)
        except SourceError as fault:
            raise SourceError(str(fault).replace(str(path), "the catalogue")) from fault
    if "id" not in table.column_names:
        raise SourceError(f"the catalogue has no column 'id'; its columns are {listed(table.column_names)}")
    return table


def joined(catalogue: pa.Table, ids: Sequence[str]) -> pa.Table:
    """The catalogue's row of each id, empty for an id that it lacks; SourceError when it has none of them."""
    keys: list[str] = catalogue.column("id").cast(pa.string()).fill_null("").to_pylist()
    if len(set(keys)) < len(keys):
        raise SourceError("the catalogue names a sample more than once; its ids are unique")
    places = match_ids(ids, keys)
    if not (places >= 0).any():
        raise SourceError(
            f"none of the catalogue's {len(keys)} ids fits a sample ({listed(keys, 2)} against {listed(ids, 2)})"
        )
    return catalogue.drop_columns(["id"]).take(pa.array(places, mask=places < 0))


def _is_plain(kind: pa.DataType) -> bool:
    return not bool(pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _plain(column: Any) -> NDArray[Any]:
    kind = column.type
    if pa.types.is_null(kind) or pa.types.is_boolean(kind):
        return _texts(column)
    try:
        numbers = column.cast(pa.float64()) if _may_be_numbers(kind) else None
    except pa.ArrowException:
        numbers = None
    return _texts(column) if numbers is None else np.asarray(numbers.fill_null(np.nan).to_numpy(), dtype=np.float64)


def _may_be_numbers(kind: pa.DataType) -> bool:
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(is_text or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _texts(column: Any) -> NDArray[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    texts = column.cast(pa.string()).fill_null("")
    return np.array(texts.to_pylist(), dtype=object)
