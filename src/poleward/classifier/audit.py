r"""Likely wrong labels, and near copies of the training samples.

A label is doubted when the network and the sample's neighbours, among the samples given to `fit` without itself,
speak against it. With s_i the network's probabilities, d_ij the distances to the k neighbours j between unit
features, h_i that to the k/2-th, and pi_c the share of class c,

    v_i(c) = (sum_j w_ij [y_j = c] + a pi_c) / (sum_j w_ij + a),  w_ij = exp(-(d_ij / h_i)^2)
    q_i(c) = sqrt(v_i(c) s_i(c)) / sum_b sqrt(v_i(b) s_i(b))
    p_i(c) = clip((q_i(c) - e') / (1 - e - e'), 0, 1)
    P(label y_i is wrong) = e' (1 - p_i(y_i)) / ((1 - e) p_i(y_i) + e' (1 - p_i(y_i)))

q is what label a sample here is given, p what class it is, for labels that are wrong with probability e, any of the
other C - 1 classes being as likely: q = (1 - e) p + e' (1 - p), e' = e / (C - 1). k is the one of `NEIGHBORS` whose v
foretells best, by its likelihood, the labels of samples that are left out, and e the share of those whose neighbours
all have one class and who have another. Only v leaves a sample out; the network may have learned its label by heart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

from poleward.classifier.memory import Memory
from poleward.ood.nearest import normalised
from poleward.records import LabelDoubt, NearCopy
from poleward.scoring.neighbors import ExactIndex

NEIGHBORS = (20, 40, 80)

PURE = 10
"""Neighbours of one class that make a neighbourhood pure."""

PSEUDO_COUNT = 1.0
"""a."""

MOST_FOR_CHOICE = 3000
"""Samples, evenly spread, that k, e and what is near are taken from."""

NEAR = 0.25
"""A copy is near below this share of the median distance of a training sample to the nearest other one."""

CANDIDATES = 5

LISTED = 0.05
"""Labels that are wrong with a higher probability are listed."""


@dataclass(frozen=True)
class Auditor:
    """What doubts labels and finds copies, against the memory of a classifier.

    classes : (C,) texts, in the order of the numbers in the memory
    """

    memory: Memory
    classes: Sequence[str]

    def doubts(
        self,
        ids: Sequence[str],
        rows: Int64[np.ndarray, " n"],
        features: NDArray[Any],
        expected: Float64[np.ndarray, "n classes"],
        labels: Int64[np.ndarray, " n"],
    ) -> list[LabelDoubt]:
        """One for each sample whose label is wrong with a probability above `LISTED`, in their order.

        rows : of the same samples in the memory, -1 for one that is not there
        features, expected : of the network, and its probabilities
        labels : numbers of their classes, -1 where not known
        """
        q = self.foretold(rows, features, expected)
        wrong = self.probability_of_error(q, labels)
        others = q.copy()
        others[np.arange(len(labels)), labels] = -1
        return [
            LabelDoubt(
                ids[i],
                self.classes[labels[i]],
                self.classes[others[i].argmax()],
                float(wrong[i]),
                float(q[i, labels[i]]),
            )
            for i in np.flatnonzero((labels >= 0) & (wrong > LISTED)).tolist()
        ]

    def foretold(
        self, rows: Int64[np.ndarray, " n"], features: NDArray[Any], expected: Float64[np.ndarray, "n classes"]
    ) -> Float64[np.ndarray, "n classes"]:
        """q."""
        both = np.sqrt(self._votes(features, rows, self.choice[0]) * expected)
        return both / both.sum(axis=1, keepdims=True)

    def probability_of_error(
        self, q: Float64[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]
    ) -> Float64[np.ndarray, " n"]:
        """P(label is wrong) of each sample, 0 where it is not known."""
        e = self.choice[1]
        e_other = e / (len(self.classes) - 1)
        p = np.clip((q[np.arange(len(labels)), labels] - e_other) / max(1 - e - e_other, 1e-9), 0, 1)
        wrong = e_other * (1 - p)
        return np.where(labels >= 0, wrong / ((1 - e) * p + wrong), 0.0)

    def copies(
        self,
        ids: Sequence[str],
        rows: Int64[np.ndarray, " n"],
        prints: NDArray[np.uint64],
        sketches: NDArray[np.float32],
    ) -> list[NearCopy]:
        """Pairs of a sample and one given to `fit` that has the same content or nearly so, in their order.

        Of samples that are in the memory themselves, each pair once; of equal ones, each with the first of them.
        """
        found: list[NearCopy] = []
        distances, near = self._sketched.search(sketches, min(CANDIDATES, len(self.distinct)))
        for i, (name, own, print_) in enumerate(zip(ids, rows.tolist(), prints.tolist(), strict=True)):
            first = self.memory.first_rows.get(print_, -1)
            if first not in (-1, own):
                found.append(NearCopy(name, self.memory.ids[first], 0.0, True))
            for distance, at in zip(distances[i].tolist(), near[i].tolist(), strict=True):
                other = int(self.distinct[at])
                if distance <= self.near_distance and other != first and (own < 0 or other < own == first):
                    found.append(NearCopy(name, self.memory.ids[other], distance, False))
        return found

    @cached_property
    def choice(self) -> tuple[int, float]:
        """k and e."""
        rows = self._some(np.arange(len(self.memory.labels)))
        labels, features = self.memory.labels[rows], self.memory.features[rows]
        choices = [k for k in NEIGHBORS if k < len(self.memory.labels) / 2] or [max(1, len(self.memory.labels) // 4)]
        votes = {k: self._votes(features, rows, k) for k in choices}
        likelihood = {k: float(np.log(q[np.arange(len(rows)), labels]).mean()) for k, q in votes.items()}
        return max(choices, key=likelihood.__getitem__), self._share_of_errors(features, rows, labels)

    def _share_of_errors(self, features: NDArray[Any], rows: Any, labels: NDArray[np.int64]) -> float:
        """e, with half an error in one sample more."""
        theirs = self.memory.labels[self._nearest(features, rows, min(PURE, len(self.memory.labels) - 1))[1]]
        of_one = (theirs == theirs[:, :1]).all(axis=1)
        astray = of_one & (theirs[:, 0] != labels)
        return float((astray.sum() + 0.5) / (of_one.sum() + 1))

    def _votes(self, features: NDArray[Any], rows: Any, k: int) -> Float64[np.ndarray, "n classes"]:
        """v, the sample's own row left out."""
        distances, near = self._nearest(features, rows, k)
        h = distances[:, (k - 1) // 2, None]
        weights = np.exp(-np.square(distances / np.where(h > 0, h, 1)))
        place = np.arange(len(near))[:, None] * len(self.classes) + self.memory.labels[near]
        sums = np.bincount(place.ravel(), weights.ravel(), minlength=len(near) * len(self.classes))
        votes = sums.reshape(len(near), -1) + PSEUDO_COUNT * self._shares
        return votes / votes.sum(axis=1, keepdims=True)

    def _nearest(self, features: NDArray[Any], rows: Any, k: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distances to the k nearest rows of the memory but the sample's own, ascending, and these rows."""
        points = normalised(features).astype(np.float32)
        distances, near = self._features.search(points, min(k + 1, len(self._features)))
        kept = np.argsort(near == rows[:, None], axis=1, kind="stable")[:, :k]
        return np.take_along_axis(distances, kept, 1), np.take_along_axis(near, kept, 1)

    @cached_property
    def _features(self) -> ExactIndex:
        return ExactIndex(normalised(self.memory.features).astype(np.float32))

    @cached_property
    def _shares(self) -> Float64[np.ndarray, " classes"]:
        return np.bincount(self.memory.labels, minlength=len(self.classes)) / len(self.memory.labels)

    @cached_property
    def distinct(self) -> NDArray[np.int64]:
        """Rows of the memory, the first of each content."""
        return np.array(sorted(self.memory.first_rows.values()), np.int64)

    @cached_property
    def _sketched(self) -> ExactIndex:
        return ExactIndex(self.memory.sketches[self.distinct])

    @cached_property
    def near_distance(self) -> float:
        """The largest distance of a near copy."""
        if len(self.distinct) < 2:
            return 0.0
        some = self._some(self.distinct)
        return NEAR * float(np.median(self._sketched.distances(self.memory.sketches[some], 2)[:, 1]))

    def _some(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        at = np.linspace(0, len(rows) - 1, min(len(rows), MOST_FOR_CHOICE)).astype(np.int64)
        return rows[at]
