"""Generalised ODIN (DeConf-C): class logits h, divided by a learned confidence g of the sample while training.

Source: Hsu et al., Generalized ODIN, CVPR 2020, with the cosine variant of h. Their score is max_c h_c; g is above 0,
so h alone names the same class, and is what `logits` gives.
"""

import torch
from torch import Tensor, nn

from poleward.objectives.classes.objective import ClassObjective


class Godin(ClassObjective):
    """-mean log softmax(h / g)[y], h_c = cos(features, w_c), g = sigmoid(BN(v . features + a))."""

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(nn.init.kaiming_normal_(torch.empty(n_classes, n_features), nonlinearity="relu"))
        self.confidence = nn.Sequential(nn.Linear(n_features, 1), nn.BatchNorm1d(1), nn.Sigmoid())

    def loss(self, features: Tensor, labels: Tensor, epoch: int, n_epochs: int) -> Tensor:
        """Mean over the batch."""
        return nn.functional.cross_entropy(self.logits(features) / self.confidence(features), labels)

    def logits(self, features: Tensor) -> Tensor:
        """h, each in [-1, 1]."""
        return nn.functional.normalize(features, dim=1) @ nn.functional.normalize(self.weights, dim=1).T
