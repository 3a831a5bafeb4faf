"""The published detector, each sample by itself and the way its figures were made, on the same weights.

The published scores were computed with batch normalisation in training mode, on batches that held samples of one kind
alone, so that a sample's neighbours give its label away (METHOD in docs/method.md). Rows that do so read the labels of
the samples they rank, and say so in their name.
"""

import copy
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from poleward.benchmark import images
from poleward.benchmark.contenders import Contender, Effort, Scores
from poleward.benchmark.splits import DataSet, Split
from poleward.benchmark.trained import WAYS, circumstances_of, fitted, indexed, raw, scored
from poleward.detector.detector import Detector
from poleward.detector.model import Model
from poleward.objectives.published import BATCH_SIZE
from poleward.records import Encoded, Features
from poleward.scoring.catalogue import build_scorer
from poleward.training.loop import to_tensors

EPOCHS = 30
"""Passes over the data; the published 300 take hours on two cores."""

N_LATENT = 128

BY_ITSELF, PURE, MIXED = "by-itself", "pure-batches", "mixed-batches"
MODES = (BY_ITSELF, PURE, MIXED)
"""Evaluation mode; batch statistics, batches of one kind only; batch statistics, both kinds shuffled together."""

USUAL = "galaxy_zoo"
"""The data set that is taken when none is asked for."""

OBJECTIVES = {
    "published-compressed": {"objective": "compressed", "parametrisation": "published"},
    "published-network-vae": {"objective": "variational"},
}
"""Contender -> settings: equation (4) with its constants, and a VAE with the same network."""


def scores(name: str, split: Split, effort: Effort) -> dict[str, Scores]:
    """One training, and the published scores in every mode."""
    said: dict[str, Any] = {"n_latent": N_LATENT, "epochs": effort.epochs or EPOCHS, **OBJECTIVES[name]}
    model = fitted(split, Detector(scorer="knn", **said).settings())
    found = {(way, BY_ITSELF): found for way, found in scored(model, split, WAYS).items()}
    for mode, batches in ranked_batches(split).items():
        found |= {(way, mode): values for way, values in in_batches(model, split, batches).items()}
    return {row_name(name, way, mode): values for (way, mode), values in found.items()}


def row_name(name: str, way: str, mode: str) -> str:
    """The row of one score in one mode."""
    return f"{name}+{way}@{mode}"


def ranked_batches(split: Split) -> dict[str, list[NDArray[np.int64]]]:
    """Rows of each batch of the samples to rank: every batch of one kind, and both kinds shuffled."""
    kinds = [np.flatnonzero(split.is_anomaly == kind) for kind in (False, True)]
    shuffled = np.random.default_rng(split.seed).permutation(len(split.test))
    return {
        PURE: [batch for kind in kinds for batch in batches_of(kind)],
        MIXED: batches_of(shuffled),
    }


def batches_of(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Batches of about 200, none of a single row.

    >>> [len(batch) for batch in batches_of(np.arange(500))]
    [250, 250]
    """
    return [np.asarray(batch) for batch in np.array_split(rows, max(1, round(len(rows) / BATCH_SIZE)))]


def in_batches(model: Model, split: Split, batches: list[NDArray[np.int64]]) -> dict[str, Scores]:
    """Scores with batch statistics, the training samples' codes taken in the same mode."""
    network = with_batch_statistics(model.ranker.autoencoder)
    learned = encoded(network, indexed(model, split), None, model.ranker.device)
    ranked = encoded(network, model.preparation.encode(raw(split.test)), batches, model.ranker.device)
    unmet = np.zeros(len(split.test), bool)
    about = circumstances_of(model, split.seed)
    return {way: build_scorer(name, about).fit(learned).score(ranked, unmet) for way, name in WAYS.items()}


def with_batch_statistics(network: Any) -> Any:
    """A copy whose batch normalisations use the batch's own mean and variance, and learn nothing of it."""
    copied = copy.deepcopy(network)
    for part in copied.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.train()
            part.momentum = 0.0
    return copied


def encoded(network: Any, features: Features, batches: list[NDArray[np.int64]] | None, device: str) -> Encoded:
    """Codes and reconstructions of samples computed in the given batches, in the order of the samples."""
    rows = batches_of(np.arange(len(features))) if batches is None else batches
    parts = [_batch(network, features[batch], device) for batch in rows]
    joined = Encoded(
        *(
            None if getattr(parts[0], name) is None else np.concatenate([getattr(part, name) for part in parts])
            for name in vars(parts[0])
        )
    )
    return joined.take(np.argsort(np.concatenate(rows)))


def _batch(network: Any, features: Features, device: str) -> Encoded:
    n = len(features)
    dtype = next(network.parameters()).dtype
    with torch.no_grad():
        posterior = network.posterior(*to_tensors(features, device, dtype))
        reconstruction = network.reconstruct(network.draw(posterior, None)).reshape(n, -1)
    observed = None if features.observed is None else features.observed.reshape(n, -1)
    means = posterior.mean.cpu().numpy()
    return Encoded(features.values.reshape(n, -1), observed, means=means, reconstructions=reconstruction.cpu().numpy())


def data_sets(folder: Path, words: Collection[str]) -> list[DataSet]:
    """Those of the suite ``images``, of which one is usual."""
    return [replace(one, usual=one.data == USUAL) for one in images.data_sets(folder, words)]


def _contender(name: str) -> Contender:
    return Contender(
        name,
        tuple(row_name(name, way, mode) for mode in MODES for way in WAYS),
        lambda split, effort: scores(name, split, effort),
        note=f"{N_LATENT} latent dimensions, {EPOCHS} epochs instead of the published 300",
        kinds=frozenset({"images"}),
        first_seed_only=True,
        apart=frozenset(row_name(name, way, PURE) for way in WAYS),
    )


PUBLISHED = tuple(map(_contender, OBJECTIVES))
