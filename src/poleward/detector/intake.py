"""What an estimator of this project takes: arrays, images and tables, told apart, and checked against training."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from poleward.data.samples import Layout, arrow_table, numbered_columns
from poleward.detector.rows import FEWEST_SAMPLES
from poleward.errors import SchemaError

NAMED = {"images": "images", "table": "a table"}


def names_of(n: int, ids: Any = None) -> Any:
    """The n names given, or row numbers for None.

    >>> names_of(2), names_of(2, ("a", "b"))
    (['0', '1'], ('a', 'b'))
    """
    return [str(row) for row in range(n)] if ids is None else ids


class Intake:
    """A mixin that brings samples to their raw form, for estimators whose fitted model is ``model_``.

    Attributes
    ----------
    layout_ : the axes of the images of training, or None for a table
    columns_, named_ : the columns of its table, and whether they had names
    n_features_in_ : columns, or cells of one image
    """

    @contextmanager
    def _refitting(self) -> Iterator[None]:
        """A block that fits anew; where it fails, what was learned before stays whole."""
        before = self.__dict__.copy()
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def raw(self, data: Any, named: bool = True) -> Any:
        """Samples as a source gives them, (n, height, width, bands) or a table that may have further columns, checked
        against those of training.

        named : whether the names of the table's columns mean something; else they are known by their order
        """
        if isinstance(data, np.ndarray):
            return self._images(data, reset=False, axes="nhwb")[1]
        self._require_kind("table")
        return self._as_trained(data, named)

    def _samples(self, X: Any, reset: bool = False, axes: str | None = None) -> tuple[str, Any]:
        if not reset:
            check_is_fitted(self, "model_")
        if hasattr(X, "__arrow_c_stream__") or hasattr(X, "iloc"):
            return self._table(X, reset)
        if hasattr(X, "detach"):
            X = X.detach().cpu().numpy()
        shape = getattr(X, "shape", ())
        if len(shape) in (3, 4):
            return self._images(np.asarray(X), reset, axes)
        if not reset:
            self._require_kind("table")
        rows = FEWEST_SAMPLES if reset else 1
        array = validate_data(
            self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=rows
        )
        table = numbered_columns(array)
        if reset:
            self._remember(None, table.column_names, named=False)
        return "table", self._as_trained(table, named=False)

    def _table(self, X: Any, reset: bool) -> tuple[str, Any]:
        if not reset:
            self._require_kind("table")
        validate_data(self, X, reset=reset, skip_check_array=True)
        table = arrow_table(X)
        if reset:
            self._remember(None, table.column_names, named=True)
        return "table", self._as_trained(table, named=True)

    def _images(self, X: NDArray[Any], reset: bool, axes: str | None = None) -> tuple[str, Any]:
        layout = Layout(axes) if axes else Layout.of(X.shape)
        if reset:
            self._remember(layout.axes, [], named=False)
            self.n_features_in_ = int(np.prod(X.shape[1:]))
        self._require_kind("images")
        return "images", layout.arrange(X)

    def _remember(self, layout: str | None, columns: list[str], named: bool) -> None:
        """How training data came: the axes of images, or None for a table, its columns, and whether they had names."""
        self.layout_ = layout
        self.columns_ = columns
        self.named_ = named

    def _require_kind(self, kind: str) -> None:
        trained = "images" if self.layout_ else "table"
        if trained != kind:
            raise SchemaError(f"the model was trained on {NAMED[trained]} and cannot rank {NAMED[kind]}")

    def _as_trained(self, table: Any, named: bool) -> Any:
        """Where only one of training and new data names its columns, they are the same by their order."""
        if named == self.named_:
            return table
        if table.num_columns != len(self.columns_):
            raise SchemaError(
                f"the table has {table.num_columns} columns; the model was trained on {len(self.columns_)}"
            )
        return table.rename_columns(self.columns_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = True
        return tags
