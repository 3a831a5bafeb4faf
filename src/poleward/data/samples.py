"""The arrays, tensors and data frames that the Python interface takes, brought to the two raw forms of this room.

Raw images are a numpy array (n, height, width, bands); a raw table is a ``pyarrow.Table``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Shaped

from poleward.errors import SourceError


@dataclass(frozen=True)
class Layout:
    """The order of the axes of a caller's images: ``"nhw"``, ``"nhwb"`` (bands last) or ``"nbhw"`` (bands first).

    Examples
    --------
    >>> layout = Layout.of((100, 3, 32, 32))
    >>> layout.axes, layout.restore(np.zeros((5, 32, 32, 3))).shape
    ('nbhw', (5, 3, 32, 32))
    """

    axes: str

    @classmethod
    def of(cls, shape: Sequence[int]) -> "Layout":
        """Read the order from the images' shape: in four axes, bands are the smaller of the second and the last.

        Where the two are equal, bands are last.
        """
        if len(shape) == 3:
            return cls("nhw")
        if len(shape) == 4:
            return cls("nbhw" if shape[1] < shape[3] else "nhwb")
        raise SourceError(
            f"the array has {len(shape)} axes; a table has 2 (rows, columns), images have 3 (n, height, width) or 4 "
            "(n, height, width, bands) or (n, bands, height, width)."
        )

    def arrange(self, images: Shaped[np.ndarray, "n ..."]) -> Shaped[np.ndarray, "n height width bands"]:
        """Bring the caller's images to (n, height, width, bands)."""
        if self.axes == "nhw":
            return images[..., None]
        return np.moveaxis(images, 1, -1) if self.axes == "nbhw" else images

    def restore(self, images: Shaped[np.ndarray, "n height width bands"]) -> Shaped[np.ndarray, "n ..."]:
        """Bring images back to the caller's axes."""
        if self.axes == "nhw":
            return images[..., 0]
        return np.moveaxis(images, -1, 1) if self.axes == "nbhw" else images


def as_samples(X: Any) -> tuple[str, Any]:
    """Tell images from a table, and bring either to its raw form.

    Parameters
    ----------
    X : (rows, columns) array: a table of float64 columns x0, x1, ...; (n, height, width), (n, height, width, bands) or
        (n, bands, height, width) array: images, with the axes that ``Layout.of`` reads; a torch tensor of one of these
        shapes; or an Arrow, pandas or polars table, without its row labels

    Returns
    -------
    kind : ``"images"`` or ``"table"``
    data : (n, height, width, bands) array, or ``pyarrow.Table``

    Errors
    ------
    SourceError : another number of axes, an array that does not hold real numbers, or a column of mixed types

    Examples
    --------
    >>> kind, table = as_samples(np.array([[1, 2], [3, 4]]))
    >>> kind, table.column_names, table["x1"].to_pylist()
    ('table', ['x0', 'x1'], [2.0, 4.0])
    """
    if hasattr(X, "iloc") or hasattr(X, "__arrow_c_stream__") or hasattr(X, "__arrow_c_array__"):
        return "table", arrow_table(X)
    array = np.asarray(X.detach().cpu().numpy() if hasattr(X, "detach") else X)
    if array.dtype.kind not in "biuf":
        raise SourceError(
            f"the array holds {array.dtype.name}; it must hold real numbers (text and dates come as a data frame)."
        )
    if array.ndim == 2:
        return "table", numbered_columns(array.astype(np.float64))
    return "images", Layout.of(array.shape).arrange(array)


def arrow_table(frame: Any) -> pa.Table:
    """Read an Arrow, pandas or polars table; a pandas index is dropped."""
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False) if hasattr(frame, "iloc") else pa.table(frame)
        return pa.table([without_views(column) for column in table.columns], table.column_names)
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        reason = " ".join(str(part) for part in error.args)
        raise SourceError(
            f"the data frame cannot be read: {reason}. Give each column one name and one type."
        ) from error


def without_views(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column itself, or its texts as Arrow can take rows of them, which it cannot of polars' views of texts.

    >>> without_views(pa.chunked_array([["a"]], pa.string_view())).type
    DataType(large_string)
    """
    if pa.types.is_string_view(column.type):
        return column.cast(pa.large_string())
    if pa.types.is_dictionary(column.type) and pa.types.is_string_view(column.type.value_type):
        texts = [(chunk.indices, chunk.dictionary.cast(pa.large_string())) for chunk in column.chunks]
        chunks = [pa.DictionaryArray.from_arrays(*part) for part in texts]
        return pa.chunked_array(chunks, pa.dictionary(column.type.index_type, pa.large_string()))
    return column


def numbered_columns(array: Float64[np.ndarray, "rows columns"]) -> pa.Table:
    """Name the columns of a plain array x0, x1, ..."""
    columns = np.ascontiguousarray(array.T)
    return pa.table({f"x{number}": column for number, column in enumerate(columns)})
