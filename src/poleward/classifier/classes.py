"""The classes that labels name: checked, numbered, and kept as plain values."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d

from poleward.errors import SourceError

MOST_CLASSES = 1000


def numbered_labels(y: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The distinct labels in their order, and the number of each sample's among them.

    y : (n,) numbers, texts or booleans, of 2 to 1,000 classes

    >>> numbered_labels(["cat", "ant", "cat"])
    (array(['ant', 'cat'], dtype='<U3'), array([1, 0, 1]))
    """
    if y is None:
        raise SourceError("a classifier requires y to be passed, but the target y is None; give one label per sample")
    labels = column_or_1d(y, warn=True)
    _require_named(labels)
    check_classification_targets(labels)
    classes, numbers = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise SourceError(
            f"all {len(labels)} samples have the label {classes.tolist()[0]!r}; a classifier needs at least two"
            " classes, and for one class there is poleward.Detector"
        )
    if len(classes) > MOST_CLASSES:
        raise SourceError(
            f"{len(labels)} labels name {len(classes)} classes, more than {MOST_CLASSES}; is it the right column?"
        )
    return classes, numbers.astype(np.int64)


def _require_named(labels: NDArray[Any]) -> None:
    """SourceError for a label that is missing, or of a type that no model folder could hold."""
    if labels.dtype.kind not in "OUSbiuf":
        raise SourceError(f"labels are of type {labels.dtype}; accepted are texts, whole numbers and booleans")
    if labels.dtype.kind != "O":
        assert_all_finite(labels, input_name="y")
        return
    for at, label in enumerate(labels.tolist()):
        if label is None or label != label:
            raise SourceError(f"sample {at + 1} has no label; give one to each, or leave the sample out")
        if not isinstance(label, str | int | float | np.generic):
            raise SourceError(f"label {label!r} is of type {type(label).__name__}; accepted are texts and numbers")
    if len({isinstance(label, str) for label in labels.tolist()}) > 1:
        raise SourceError("some labels are texts and some are numbers; make them all of one type")


@dataclass(frozen=True)
class StoredClasses:
    """Classes as a manifest holds them.

    dtype : of the array of classes
    values : plain JSON values
    """

    dtype: str
    values: list[Any]

    @classmethod
    def of(cls, classes: NDArray[Any]) -> "StoredClasses":
        """Of an array of classes."""
        return cls(classes.dtype.str, classes.tolist())

    def restore(self) -> NDArray[Any]:
        """The array again.

        >>> StoredClasses.of(np.array([3, 7])).restore()
        array([3, 7])
        """
        return np.array(self.values, dtype=np.dtype(self.dtype))
