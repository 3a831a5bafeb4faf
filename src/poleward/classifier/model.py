"""A fitted classifier: preparation, network, score, memory and calibration, and what can be asked of them together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.calibration.conformal import Conformal
from poleward.classifier.audit import Auditor
from poleward.classifier.confidence import probabilities
from poleward.classifier.head import head_of
from poleward.classifier.memory import Memory
from poleward.classifier.network import network_input, see_all
from poleward.classifier.settings import ClassifierSettings
from poleward.data.fingerprint import fingerprints
from poleward.data.preparation import Preparation
from poleward.data.sketch import sketches
from poleward.detector.ranker import member
from poleward.detector.rows import prepared_runs
from poleward.labelled.network import LabelledNetwork
from poleward.ood.outputs import Outputs, PostHoc, joined
from poleward.records import Audit, Features, LabelDoubt, NearCopy, Ranking


@dataclass
class ClassifierModel:
    """Everything that fitting learned.

    classes : (C,) the labels, in the order of the logits
    temperature : of the confidence
    threshold : a sample is not accepted when its score is above this
    history : training curves, one value per epoch
    facts : what the data were, plain JSON values
    """

    settings: ClassifierSettings
    classes: NDArray[Any]
    preparation: Preparation
    network: LabelledNetwork
    outlyingness: PostHoc
    memory: Memory
    temperature: float
    conformal: Conformal
    threshold: float
    device: str
    history: dict[str, list[float]]
    facts: dict[str, Any]

    @property
    def kind(self) -> str:
        """The kind of data, "images" or "table"."""
        return self.preparation.kind

    def seen(self, data: Any) -> Outputs:
        """What the network says of raw samples."""
        return joined([seen for _, seen in self.runs(data)])

    def runs(self, data: Any) -> Iterator[tuple[NDArray[np.uint64], Outputs]]:
        """Fingerprints of raw samples and what the network says of them, some at a time.

        Errors
        ------
        SourceError for a sample in which nothing was observed.
        """
        for features in prepared_runs(self.preparation, data):
            yield fingerprints(features), self.see(features)

    def see(self, features: Features) -> Outputs:
        """What the network says of prepared samples."""
        inputs = network_input(features, self.preparation.has_missing)
        return see_all(self.network, inputs.__getitem__, len(features), self.kind, self.device)

    def scores(self, data: Any) -> NDArray[np.float64]:
        """Scores (n,) of raw samples, higher is farther from every class."""
        return np.concatenate([self.outlyingness.score(seen) for _, seen in self.runs(data)])

    def probabilities(self, data: Any) -> NDArray[np.float64]:
        """(n, C) of raw samples, under the assumption that each is of one of the classes."""
        return probabilities(self.seen(data).logits, self.temperature)

    def codes(self, data: Any) -> NDArray[np.floating[Any]]:
        """Codes (n, k) of raw samples, where the objective places them."""
        return head_of(self.network, self.seen(data).features, self.device)[1]

    def rank(self, data: Any, ids: Sequence[str], alpha: float | None = None) -> Ranking:
        """Scores, p-values, decisions, classes and confidence of raw samples, in their order.

        alpha : level of ``is_anomaly``; None for the model's own threshold
        """
        threshold = self.threshold if alpha is None else self.conformal.threshold(alpha)
        runs = prepared_runs(self.preparation, data)
        parts = [self._ranked(fingerprints(features), self.see(features)) for features in runs]
        score, known, classes, confidence = [np.concatenate(column) for column in zip(*parts, strict=True)]
        p_value = self.conformal.p_values(score)
        return Ranking(ids, score, p_value, score > threshold, known, [str(c) for c in classes.tolist()], confidence)

    def _ranked(
        self, prints: NDArray[np.uint64], seen: Outputs
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[Any], NDArray[np.float64]]:
        p = probabilities(seen.logits, self.temperature)
        known = member(prints, self.memory.known_prints)
        return self.outlyingness.score(seen), known, self.classes[p.argmax(axis=1)], p.max(axis=1)

    def audit(self, data: Any, ids: Sequence[str], labels: Sequence[str] | None = None) -> Audit:
        """What may be wrong with raw samples and their labels, in their order.

        labels : (n,) as text; None for those that the samples were fitted with, where they were
        """
        place = {str(name): number for number, name in enumerate(self.classes.tolist())}
        doubts, copies, n_labelled, done = list[LabelDoubt](), list[NearCopy](), 0, 0
        for features in prepared_runs(self.preparation, data):
            prints, part = fingerprints(features), slice(done, done + len(features))
            done = part.stop
            rows = self.memory.rows_of(ids[part], prints)
            if labels is None:
                numbers = np.where(rows >= 0, self.memory.labels[rows], -1)
            else:
                numbers = np.array([place.get(label, -1) for label in labels[part]], np.int64)
            seen = self.see(features)
            expected = probabilities(seen.logits, self.temperature)
            doubts += self.auditor.doubts(ids[part], rows, seen.features, expected, numbers)
            copies += self.auditor.copies(ids[part], rows, prints, sketches(features))
            n_labelled += int((numbers >= 0).sum())
        return Audit(doubts, copies, n_labelled)

    @cached_property
    def auditor(self) -> Auditor:
        """What doubts labels and finds copies."""
        return Auditor(self.memory, [str(name) for name in self.classes.tolist()])

    def warnings(self) -> list[str]:
        """What a user should know before trusting the decisions, in sentences."""
        shortage = self.conformal.shortage(self.settings.alpha)
        said = [shortage] if shortage else []
        counts = np.array(self.facts["class_counts"])
        rare = [str(name) for name in self.classes[counts < FEWEST_PER_CLASS].tolist()]
        if rare:
            named = ", ".join(rare[:5]) + (", ..." if len(rare) > 5 else "")
            said.append(
                f"{len(rare)} of {len(counts)} classes have fewer than {FEWEST_PER_CLASS} samples ({named}); what is"
                " said of them rests on little"
            )
        return said


FEWEST_PER_CLASS = 5
"""Classes with fewer samples are named in a warning."""
