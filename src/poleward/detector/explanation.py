"""Why samples have their scores: by cell, by the nearest training samples, and by the angles of their codes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from poleward.data.fingerprint import fingerprints
from poleward.detector.encoding import CHUNK, encode, padded_chunks
from poleward.detector.model import Model
from poleward.detector.ranker import member
from poleward.detector.rows import prepared_runs
from poleward.detector.shares import Shares
from poleward.geometry.hypersphere import cosines
from poleward.records import Block, Explanation, Features
from poleward.scoring.shares import on_observed, scaled
from poleward.training.loop import to_tensors
from poleward.training.threads import one_thread_for

DRAWS = 10_000
"""Codes of the latent island from which mean and spread of every angle's cosine are taken."""

DIRECTIONS = 32
"""Latent dimensions that are followed back to the cells one by one, those that contribute most; the others follow."""

FOLLOWED = CHUNK | {"images": 4}
"""Samples followed back at a time: so few images that one alone does not take as long as a full chunk."""

SMALLEST_SPREAD = 1e-3


@dataclass(frozen=True)
class Evidence:
    """What is found of some samples, cells being prepared ones and neighbours rows of the training share.

    contributions : (n, d)
    """

    score: NDArray[np.float64]
    contributions: NDArray[np.float64]
    nearest: NDArray[np.int64]
    distances: NDArray[np.float64]
    means: NDArray[np.float64]


def explain(model: Model, data: Any) -> Explanation:
    """Explain the scores of raw samples; images as (n, height, width, bands).

    What a scorer says of the latent means is carried to the cells: the contribution of latent dimension l goes to cell
    j by its share of |dz_l/dx_j (x_j - r_j)|, r being what the decoder makes of the mean code of the training samples.
    The other choices are a training sample for r, which only scorers with neighbours keep, and signed shares, whose sum
    may be next to 0. What no cell has caused is spread evenly over the observed cells.
    """
    found = list(_evidence(model, data))
    parts = _joined(found, "contributions")
    facts = model.facts
    kept = Shares.of(facts["n_samples"], model.settings.calibration_share, facts["most"], facts["seed"]).reference
    kept = np.concatenate([kept, facts["n_samples"] + np.arange(facts.get("n_added", 0))])
    found_cosines, moved = angles(model, _joined(found, "means"))
    return Explanation(
        score=_joined(found, "score"),
        contributions=by_column(parts, model.preparation.blocks)
        if model.kind == "table"
        else np.moveaxis(parts.reshape(-1, *model.preparation.shape), 1, -1),
        columns=tuple(block.name for block in model.preparation.blocks) if model.kind == "table" else (),
        nearest=kept[_joined(found, "nearest")],
        distances=_joined(found, "distances"),
        cosines=found_cosines,
        moved=moved,
    )


def by_column(parts: NDArray[np.float64], blocks: Sequence[Block]) -> NDArray[np.float64]:
    """Sums (n, columns) over the cells of each column, of parts (n, d).

    >>> by_column(np.array([[1.0, 2.0, 3.0]]), [Block("a", "numeric", 0, 1), Block("b", "categorical", 1, 2)])
    array([[1., 5.]])
    """
    return np.stack([parts[:, block.start : block.start + block.width].sum(axis=1) for block in blocks], axis=1)


def angles(model: Model, means: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """cos phi_k of codes (n, k), and how many standard deviations they lie from their mean over the latent island."""
    usual = angle_cosines(model, model.island.draw(DRAWS, seed=0))
    found = angle_cosines(model, means)
    return found, np.asarray((found - usual.mean(axis=0)) / np.maximum(usual.std(axis=0), SMALLEST_SPREAD))


def angle_cosines(model: Model, codes: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """cos phi_k (n, k - 1) of codes (n, k) as the decoder takes them."""
    placed = model.ranker.autoencoder.place(torch.from_numpy(codes.astype(np.float64)))
    return np.asarray(cosines(placed).numpy())


def _evidence(model: Model, data: Any) -> Iterator[Evidence]:
    reference = _reference(model)
    for features in prepared_runs(model.preparation, data):
        trained_on = member(fingerprints(features), model.ranker.trained_prints)
        for rows, count in padded_chunks(len(features), CHUNK[model.kind]):
            yield _of_chunk(model, features[rows], trained_on[rows], count, reference)


def _of_chunk(
    model: Model, features: Features, trained_on: NDArray[np.bool_], count: int, reference: NDArray[np.float64]
) -> Evidence:
    """Of the first ``count`` samples of a full chunk."""
    ranker = model.ranker
    wanted = ranker.scorer.needs | {"inputs", "observed", "means"}
    encoded = encode(ranker.autoencoder, features, wanted, ranker.device)
    score = ranker.scorer.score(encoded, trained_on)
    parts = ranker.scorer.contributions(encoded, trained_on)
    cells = np.zeros(features.values.reshape(len(features), -1).shape)
    if "inputs" in parts:
        cells += parts["inputs"]
    if "means" in parts:
        cells[:count] += carried(model, features[:count], parts["means"][:count], reference)
    rest = np.where(np.isfinite(score), score - cells.sum(axis=1), 0)
    cells += on_observed(np.tile(rest[:, None] / cells.shape[1], cells.shape[1]), encoded.observed)
    nearest, distances = ranker.scorer.nearest(encoded, trained_on)
    means = np.asarray(encoded.means, np.float64)
    return Evidence(score[:count], cells[:count], nearest[:count], distances[:count], means[:count])


def _reference(model: Model) -> NDArray[np.float64]:
    """The prepared sample (*shape) that the decoder makes of the island's mean."""
    autoencoder = model.ranker.autoencoder
    dtype = next(autoencoder.parameters()).dtype
    with torch.no_grad():
        code = torch.as_tensor(model.island.mean[None], dtype=dtype).to(model.ranker.device)
        return autoencoder.reconstruct(autoencoder.place(code))[0].cpu().numpy().astype(np.float64)


def carried(
    model: Model, features: Features, parts: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Contributions of latent means (n, k), carried to the cells (n, d); every row keeps its sum.

    reference : (*shape), prepared
    """
    chunks = padded_chunks(len(features), FOLLOWED[model.kind])
    return np.concatenate([_carried(model, features[rows], parts[rows], reference)[:n] for rows, n in chunks])


def _carried(
    model: Model, features: Features, parts: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    n = len(features)
    observed = None if features.observed is None else features.observed.reshape(n, -1)
    difference = np.abs(features.values - reference).reshape(n, -1) * (1.0 if observed is None else observed)
    order = np.argsort(-np.abs(parts), axis=1, kind="stable")[:, :DIRECTIONS]
    cells, sizes = np.zeros(difference.shape), np.zeros(difference.shape)
    for dimension, gradient in zip(order.T, _gradients(model, features, order), strict=True):
        part = on_observed(scaled(np.abs(gradient) * difference, _at(parts, dimension)), observed)
        cells += part
        sizes += np.abs(part)
    return cells + on_observed(scaled(sizes, parts.sum(axis=1) - cells.sum(axis=1)), observed)


def _gradients(model: Model, features: Features, order: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    """dz_l/dx (n, d) for l = order[:, 0], then order[:, 1], and so on; order (n, m) has an own l for every sample."""
    autoencoder, n = model.ranker.autoencoder, len(features)
    values, mask = to_tensors(features, model.ranker.device, next(autoencoder.parameters()).dtype)
    values.requires_grad_()
    with torch.enable_grad(), one_thread_for(rows=features.values.ndim == 2):
        means = autoencoder.posterior(values, mask).mean
        for dimension in order.T:
            chosen = means[torch.arange(n), torch.from_numpy(dimension.copy())].sum()
            (gradient,) = torch.autograd.grad(chosen, values, retain_graph=True)
            yield gradient.cpu().numpy().reshape(n, -1).astype(np.float64)


def _at(parts: NDArray[np.float64], dimension: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.take_along_axis(parts, dimension[:, None], axis=1)[:, 0]


def _joined(found: Sequence[Evidence], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(evidence, name) for evidence in found])
