"""LogitNorm: cross-entropy on logits of constant length, so that length cannot feign confidence.

Source: Wei et al., Mitigating Neural Network Overconfidence with Logit Normalization, ICML 2022; tau = 0.04.
"""

from torch import Tensor, nn

from poleward.objectives.classes.cross_entropy import CrossEntropy

TEMPERATURE = 0.04


class LogitNorm(CrossEntropy):
    """-mean log softmax(f / (tau |f|))[y], f = W features + b."""

    def __init__(self, n_features: int, n_classes: int, temperature: float = TEMPERATURE) -> None:
        super().__init__(n_features, n_classes)
        self.temperature = temperature

    def loss(self, features: Tensor, labels: Tensor, epoch: int, n_epochs: int) -> Tensor:
        """Mean over the batch."""
        return nn.functional.cross_entropy(
            nn.functional.normalize(self.logits(features), dim=1) / self.temperature, labels
        )
