"""How far a sample lies from every class, by name; higher is farther. Single scores come from `poleward.ood`."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float64

from poleward.classifier.head import head_of
from poleward.errors import SettingError
from poleward.labelled.network import LabelledNetwork
from poleward.ood.catalogue import NAMES, WITH_HEAD, build_score
from poleward.ood.mahalanobis import Mahalanobis
from poleward.ood.max_logit import MaxLogit
from poleward.ood.nearest import Nearest
from poleward.ood.outputs import Head, Outputs, PostHoc
from poleward.scoring.fused import scale

FUSED, NEAREST, NEAREST_CODES = "fused", "knn", "knn-codes"
SCORERS = (FUSED, NEAREST_CODES, *NAMES)


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


class OfCodes(PostHoc):
    """A score that sees codes, where the objective itself places samples, instead of features."""

    def __init__(self, part: PostHoc, network: LabelledNetwork) -> None:
        self.part = part
        self.network = network

    def fit(self, outputs: Outputs) -> "OfCodes":
        """Fit the score to the codes."""
        self.part.fit(self._placed(outputs))
        return self

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,) the score's own."""
        return self.part.score(self._placed(outputs))

    def _placed(self, outputs: Outputs) -> Outputs:
        device = str(next(self.network.parameters()).device)
        codes = head_of(self.network, np.asarray(outputs.features), device)[1]
        return Outputs(codes, outputs.logits, outputs.labels)


def build_outlyingness(
    name: str,
    network: LabelledNetwork,
    n_features: int,
    n_neighbors: int,
    kind: str = "images",
    new: Outputs | None = None,
) -> PostHoc:
    """The named score for outputs of the network, not yet fitted.

    Beside the largest logit, the fusion asks the nearest features of images, with twice the weight. Values of rows are
    not bounded as pixels are, and a row far out has a large logit and a direction like any other; its Mahalanobis
    distance is large as well.

    new : outputs for samples of the classes that the network has not seen, from which a fusion learns its scales

    Errors
    ------
    SettingError for a score that needs a linear head where the objective has none.
    """
    if name == FUSED:
        parts: list[tuple[float, PostHoc]] = [(1.0, MaxLogit())]
        parts.append((2.0, Nearest(n_neighbors)) if kind == "images" else (1.0, Mahalanobis()))
        return Fused(parts, new)
    if name == NEAREST_CODES:
        return OfCodes(Nearest(n_neighbors), network)
    if name == NEAREST:
        return Nearest(n_neighbors)
    return build_score(name, linear_head(network, n_features, name) if name in WITH_HEAD else None)


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
            " choose fused, knn-codes, knn, max-logit, energy or mahalanobis"
        )
    return Head(weight.cpu().numpy(), bias.cpu().numpy())
