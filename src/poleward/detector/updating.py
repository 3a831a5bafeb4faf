"""Confirmed normal samples join a fitted model: its scorer takes them in, the network stays as it is."""

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.calibration.conformal import Conformal
from poleward.data.fingerprint import data_fingerprint, fingerprints
from poleward.detector.model import BY_ALPHA, Model
from poleward.detector.ranker import member
from poleward.detector.recalibration import at_level
from poleward.detector.rows import prepared_runs
from poleward.errors import SourceError
from poleward.records import Features


def updated(model: Model, batches: Iterable[Any]) -> Model:
    """The model with further normal samples, raw, in as many batches as one likes; the given one stays as it was.

    Scorers that keep training samples keep these too, mixtures give them a Gaussian; others stay as they are. Of the
    new samples the calibration share is not taken in, but scored, and joins the calibration scores. Those of before are
    kept: adding samples only lowers a mean distance to neighbours, and a negative log density, so they are at least
    what they would be now, and p-values of normal samples like them no lower than they should be. (`input-knn-local`,
    whose distances are relative, can deviate from that by little.)
    Samples that the model knows already are left out.

    Errors
    ------
    SourceError when no sample is new; SchemaError for samples that are not like those of training.
    """
    prints_known = (model.ranker.trained_prints, model.seen_prints, model.calibration_prints)
    known = np.unique(np.concatenate(prints_known))
    features, prints = unknown(model, batches, known)
    rng = np.random.default_rng([model.facts["seed"], len(prints)])
    aside = np.zeros(len(prints), bool)
    aside[rng.permutation(len(prints))[: round(model.settings.calibration_share * len(prints))]] = True
    ranker = extended(model, features[~aside], prints[~aside])
    conformal = Conformal(np.concatenate([model.conformal.scores, ranker.scores(features[aside], prints[aside])]))
    facts = model.facts | {
        "n_added": model.facts.get("n_added", 0) + int((~aside).sum()),
        "n_calibration": len(conformal.scores),
        "updated_from": [*model.facts.get("updated_from", []), model.facts["data_fingerprint"]],
        "data_fingerprint": data_fingerprint(np.union1d(known, prints)),
    }
    joined = replace(
        model,
        ranker=ranker,
        conformal=conformal,
        calibration_prints=np.union1d(model.calibration_prints, prints[aside]),
        facts=facts,
    )
    return at_level(joined, model.settings.alpha) if facts["threshold_from"] == BY_ALPHA else joined


def unknown(model: Model, batches: Iterable[Any], known: NDArray[np.uint64]) -> tuple[Features, NDArray[np.uint64]]:
    """Prepared samples that are not known, each content once, and their fingerprints."""
    values, masks, prints = [], [], [np.empty(0, np.uint64)]
    for features in (features for data in batches for features in prepared_runs(model.preparation, data)):
        found = fingerprints(features)
        new = ~member(found, known) & ~np.isin(found, np.concatenate(prints))
        new &= np.isin(np.arange(len(found)), np.unique(found, return_index=True)[1])
        observed = np.ones(features.values.shape, bool) if features.observed is None else features.observed
        values.append(features.values[new])
        masks.append(observed[new])
        prints.append(found[new])
    joined = np.concatenate(prints)
    if not len(joined):
        raise SourceError("none of the samples is new to the model; there is nothing to add")
    mask = np.concatenate(masks)
    return Features(np.concatenate(values), None if mask.all() else mask), joined


def extended(model: Model, features: Features, prints: NDArray[np.uint64]) -> Any:
    """The ranker with these samples in a copy of its scorer."""
    ranker = model.ranker
    encoded = ranker.encode(features.__getitem__, len(features), ranker.scorer.needs)
    scorer = copy.deepcopy(ranker.scorer).extend(encoded)
    return replace(ranker, scorer=scorer, trained_prints=np.union1d(ranker.trained_prints, prints))
