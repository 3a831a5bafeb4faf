"""What post-hoc scores see of a classifier, and the base of them all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import NDArray
from scipy.special import logsumexp

from poleward.errors import SettingError


@dataclass(frozen=True)
class Head:
    """The last linear layer: logits = features @ weight.T + bias.

    weight : (classes, d)
    bias : (classes,)
    """

    weight: NDArray[np.floating[Any]]
    bias: NDArray[np.floating[Any]]

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[:1]:
            raise SettingError(
                f"a head has a weight (classes, features) and a bias (classes,); found {self.weight.shape} and"
                f" {self.bias.shape}"
            )

    def logits(self, features: NDArray[np.floating[Any]]) -> Float64[np.ndarray, "n classes"]:
        """(n, d) -> (n, classes), in float64, each row by itself.

        >>> Head(np.eye(2), np.array([0.0, 1.0])).logits(np.array([[2.0, 3.0]]))
        array([[2., 4.]])
        """
        wide = np.asarray(features, np.float64)
        if wide.shape[1] != self.weight.shape[1]:
            raise SettingError(
                f"a sample has {wide.shape[1]} features and the head takes {self.weight.shape[1]}; its weight is"
                " (classes, features)"
            )
        return np.asarray(np.einsum("nd,cd->nc", wide, np.asarray(self.weight, np.float64)) + self.bias)


@dataclass(frozen=True)
class Outputs:
    """What a classifier says of n samples.

    features : (n, d) penultimate activations, the input of the last linear layer
    logits : (n, classes)
    labels : (n,) class numbers of training samples, or None
    earlier : (n, e) features of an earlier layer; none, e = 0, where nothing is given

    Errors
    ------
    SettingError for arrays of other shapes, of different lengths, or with a number that is not finite.
    """

    features: NDArray[np.floating[Any]]
    logits: NDArray[np.floating[Any]]
    labels: Int[np.ndarray, " n"] | None = None
    earlier: NDArray[np.floating[Any]] = None  # type: ignore[assignment]  # (n, 0) from the first line below on

    def __post_init__(self) -> None:
        if self.earlier is None:
            object.__setattr__(self, "earlier", np.empty((len(self.logits), 0), np.float32))
        _require_rows("features", self.features)
        _require_rows("logits", self.logits)
        if len(self.features) != len(self.logits):
            raise SettingError(
                f"there are features of {len(self.features)} samples and logits of {len(self.logits)}; each needs both"
            )
        if self.labels is not None and len(self.labels) != len(self.logits):
            raise SettingError(f"there are {len(self.labels)} labels of {len(self.logits)} samples; give one to each")
        _require_rows("earlier features", self.earlier)
        if len(self.earlier) != len(self.logits):
            raise SettingError(
                f"there are earlier features of {len(self.earlier)} of {len(self.logits)} samples; each needs them"
            )

    def __len__(self) -> int:
        return len(self.logits)

    def take(self, rows: Any) -> "Outputs":
        """The given samples."""
        labels = None if self.labels is None else self.labels[rows]
        return Outputs(self.features[rows], self.logits[rows], labels, self.earlier[rows])

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(n,) number of the largest logit."""
        return np.asarray(np.argmax(self.logits, axis=1), np.int64)


def joined(parts: Sequence[Outputs]) -> Outputs:
    """The samples of all parts in their order, without labels."""
    features, logits, earlier = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("features", "logits", "earlier")
    )
    return Outputs(features, logits, earlier=earlier)


class PostHoc:
    """A score that learns from training outputs, if from anything, and ranks others; higher is further out."""

    def fit(self, outputs: Outputs) -> "PostHoc":
        """Learn from the outputs of training samples."""
        return self

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,) higher is further out of distribution."""
        raise NotImplementedError


def free_energy(logits: NDArray[np.floating[Any]], temperature: float = 1.0) -> Float64[np.ndarray, " n"]:
    """E = -T ln sum_c exp(l_c / T), (n,).

    >>> free_energy(np.array([[0.0, 0.0]])).round(4)
    array([-0.6931])
    """
    return np.asarray(-temperature * logsumexp(np.asarray(logits, np.float64) / temperature, axis=1))


def require_labels(outputs: Outputs, what: str) -> NDArray[np.int64]:
    """The labels of training samples; SettingError where there are none."""
    if outputs.labels is None:
        raise SettingError(f"{what} learns class by class; give it the labels of the training samples")
    return np.asarray(outputs.labels, np.int64)


def _require_rows(what: str, values: NDArray[np.floating[Any]]) -> None:
    if values.ndim != 2:
        raise SettingError(f"{what} are (samples, columns); found an array {values.shape}")
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise SettingError(f"{what} are finite numbers; those of row {row} are not")
