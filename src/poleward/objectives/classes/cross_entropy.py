"""Plain cross-entropy on linear logits."""

from torch import Tensor, nn

from poleward.objectives.classes.objective import ClassObjective


class CrossEntropy(ClassObjective):
    """-mean log softmax(W features + b)[y], with ``smoothing`` of the labels in [0, 1)."""

    def __init__(self, n_features: int, n_classes: int, smoothing: float = 0.0) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.to_logits = nn.Linear(n_features, n_classes)

    def loss(self, features: Tensor, labels: Tensor, epoch: int, n_epochs: int) -> Tensor:
        """Mean over the batch."""
        return nn.functional.cross_entropy(self.logits(features), labels, label_smoothing=self.smoothing)

    def logits(self, features: Tensor) -> Tensor:
        """W features + b."""
        result: Tensor = self.to_logits(features)
        return result
