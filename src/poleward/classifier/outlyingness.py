"""How far a sample lies from every class, by name; higher is farther. Single scores come from `poleward.ood`."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from numpy.typing import NDArray

from poleward.classifier.head import head_of
from poleward.errors import SettingError
from poleward.labelled.network import LabelledNetwork
from poleward.ood.catalogue import NAMES, WITH_HEAD, build_score
from poleward.ood.mahalanobis import Mahalanobis
from poleward.ood.max_logit import MaxLogit
from poleward.ood.nearest import Nearest
from poleward.ood.outputs import Head, Outputs, PostHoc
from poleward.scoring.fused import scale

FUSED, NEAREST, NEAREST_CODES, NEAREST_EARLIER = "fused", "knn", "knn-codes", "knn-earlier"
SCORERS = (FUSED, NEAREST_CODES, NEAREST_EARLIER, *NAMES)


FLATNESS = 1e-3
"""Share of their largest value by which logits may differ from linear ones of the features."""


class Fused(PostHoc):
    """score(x) = sum over parts v of w_v asinh((s_v(x) - m_v) / d_v), w_v the part's share of the weights.

    m_v is the median of s_v over samples that nothing was learned from, d_v half the distance between its 16th and 84th
    percentiles. asinh is linear among ordinary samples and logarithmic far out, so no part's huge score drowns the
    others.

    parts : each with its weight, above 0
    new : outputs for such samples of the classes; None for those that the parts are fitted to
    """

    def __init__(self, parts: Sequence[tuple[float, PostHoc]], new: Outputs | None = None) -> None:
        self.weights = [weight for weight, _ in parts]
        self.parts = [part for _, part in parts]
        self.new = new
        self.scales: list[tuple[float, float]]

    def fit(self, outputs: Outputs) -> "Fused":
        """Fit the parts, then learn their scales."""
        new = outputs if self.new is None else self.new
        self.scales = [scale(part.fit(outputs).score(new)) for part in self.parts]
        return self

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,), about 0 for an ordinary sample of the classes."""
        scaled = [
            np.arcsinh((part.score(outputs) - median) / spread)
            for part, (median, spread) in zip(self.parts, self.scales, strict=True)
        ]
        return np.asarray(np.average(scaled, axis=0, weights=self.weights))


class InPlaceOfFeatures(PostHoc):
    """A score that sees something else of a sample in the place of its features.

    other : outputs -> (n, k), what it sees
    """

    def __init__(self, part: PostHoc, other: Callable[[Outputs], NDArray[np.floating[Any]]]) -> None:
        self.part = part
        self.other = other

    def fit(self, outputs: Outputs) -> "InPlaceOfFeatures":
        """Fit the score to it."""
        self.part.fit(self._seen(outputs))
        return self

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,) the score's own."""
        return self.part.score(self._seen(outputs))

    def _seen(self, outputs: Outputs) -> Outputs:
        return Outputs(self.other(outputs), outputs.logits, outputs.labels)


def codes_under(network: LabelledNetwork) -> Callable[[Outputs], NDArray[np.floating[Any]]]:
    """Outputs -> codes, where the network's objective places samples."""
    device = str(next(network.parameters()).device)
    return lambda outputs: head_of(network, np.asarray(outputs.features), device)[1]


def nearest_in(space: str, network: LabelledNetwork, n_neighbors: int) -> PostHoc:
    """Distances to neighbours among features, those of an earlier layer, or codes."""
    if space == NEAREST:
        return Nearest(n_neighbors)
    other = codes_under(network) if space == NEAREST_CODES else attrgetter("earlier")
    return InPlaceOfFeatures(Nearest(n_neighbors), other)


def require_scorer_of(kind: str, name: str) -> None:
    """SettingError for a score that this kind of data has not."""
    if kind == "table" and name == NEAREST_EARLIER:
        raise SettingError(
            f"scorer = {name!r}: the network of rows has no earlier layer to ask; choose fused, knn-codes, knn,"
            " max-logit or another one"
        )


def build_outlyingness(
    name: str,
    network: LabelledNetwork,
    n_features: int,
    n_neighbors: int,
    kind: str = "images",
    new: Outputs | None = None,
) -> PostHoc:
    """The named score for outputs of the network, not yet fitted.

    Beside the largest logit, the fusion asks of images the nearest features, with twice the weight, those of an earlier
    layer, and codes where the objective has a space of its own. Values of rows are not bounded as pixels are, and a row
    far out has a large logit and a direction like any other; its Mahalanobis distance is large as well.

    new : outputs for samples of the classes that the network has not seen, from which a fusion learns its scales

    Errors
    ------
    SettingError for a score that needs a linear head where the objective has none.
    """
    if name == FUSED:
        return Fused(fused_parts(network, n_neighbors, kind), new)
    if name in (NEAREST, NEAREST_CODES, NEAREST_EARLIER):
        return nearest_in(name, network, n_neighbors)
    return build_score(name, linear_head(network, n_features, name) if name in WITH_HEAD else None)


def fused_parts(network: LabelledNetwork, n_neighbors: int, kind: str) -> list[tuple[float, PostHoc]]:
    """The parts of the fusion, not yet fitted, with their weights."""
    if kind == "table":
        return [(1.0, MaxLogit()), (1.0, Mahalanobis())]
    weights = {NEAREST: 2.0, NEAREST_EARLIER: 1.0}
    if network.objective.places_codes:
        weights[NEAREST_CODES] = 1.0
    near = [(weight, nearest_in(space, network, n_neighbors)) for space, weight in weights.items()]
    return [(1.0, MaxLogit()), *near]


def linear_head(network: LabelledNetwork, n_features: int, wanted_by: str) -> Head:
    """Weight and bias of logits that are linear in the features; SettingError where they are not."""
    parameter = next(network.parameters())
    probe = torch.randn(8, n_features, generator=torch.Generator().manual_seed(0)).to(parameter)
    with torch.no_grad():
        bias = network.objective.logits(torch.zeros_like(probe[:1]))[0]
        weight = (network.objective.logits(torch.eye(n_features).to(parameter)) - bias).T
        expected = network.objective.logits(probe)
        gap = (probe @ weight.T + bias - expected).abs().max()
    if not gap <= FLATNESS * expected.abs().max():
        raise SettingError(
            f"scorer {wanted_by!r} needs logits that are linear in the features, which those of this objective are not;"
            " choose fused, knn, knn-codes, max-logit, energy or mahalanobis"
        )
    return Head(weight.cpu().numpy(), bias.cpu().numpy())
