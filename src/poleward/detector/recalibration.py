"""Another calibration of a fitted model, without training: new normal samples, or another level."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np

from poleward.calibration.conformal import Conformal
from poleward.data.fingerprint import fingerprints
from poleward.detector.model import BY_ALPHA, Model
from poleward.detector.rows import prepared_runs
from poleward.detector.summary import MOST_KEPT, summary
from poleward.errors import SourceError


@runtime_checkable
class Calibrated(Protocol):
    """What a fitted model has, a detector's and a classifier's alike, that a decision is taken from."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    settings: Any
    conformal: Conformal
    threshold: float
    facts: dict[str, Any]


M = TypeVar("M", bound=Calibrated)


def at_level(model: M, alpha: float) -> M:
    """The model with the threshold of another level; SettingError for one that is not accepted."""
    settings = replace(model.settings, alpha=alpha)
    threshold = model.conformal.threshold(settings.alpha)
    return replace(model, settings=settings, threshold=threshold, facts=model.facts | {"threshold_from": BY_ALPHA})


def recalibrated(model: Model, batches: Iterable[Any], alpha: float) -> Model:
    """The model with p-values and threshold from raw samples, all taken as normal, in as many batches as one likes.

    Samples that the model was trained on are left out: how a known sample scores says nothing of a new one. How many
    they were stands in the facts as ``n_trained_on``.

    Errors
    ------
    SourceError when no other sample is left; SchemaError for samples that are not like those of training.
    """
    scores, prints, n_trained_on = [np.empty(0)], [np.empty(0, np.uint64)], 0
    reference = [np.empty((0, model.reference.shape[1]))]
    for features in (features for data in batches for features in prepared_runs(model.preparation, data)):
        found = fingerprints(features)
        new = ~model.was_trained_on(found)
        n_trained_on += int((~new).sum())
        if new.any():
            scores.append(model.ranker.scores(features[new], found[new]))
            prints.append(found[new])
            if model.reference.shape[1]:
                reference.append(summary(features[new], model.preparation.blocks))
    score = np.concatenate(scores)
    if not len(score):
        raise SourceError(
            f"none of the {n_trained_on:,} samples is new to the model: it was trained on all of them;"
            " calibrate with normal samples that were kept from it"
        )
    counted = {"n_calibration": len(score), "n_left_out": 0, "n_trained_on": n_trained_on}
    calibrated = replace(
        model,
        conformal=Conformal(score),
        calibration_prints=np.sort(np.concatenate(prints)),
        reference=np.concatenate(reference)[:MOST_KEPT],
        facts=model.facts | counted,
    )
    return at_level(calibrated, alpha)
