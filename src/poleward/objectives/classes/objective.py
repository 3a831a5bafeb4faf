"""The base of every objective with class labels."""

from jaxtyping import Float, Int
from torch import Tensor, nn


class ClassObjective(nn.Module):
    """A head on f features that learns from class labels 0 .. C - 1.

    ``views`` augmented views of each sample are asked for; view v is turned by ``v % turns`` quarter turns. Features of
    views are stacked view by view, (views b, f), and labels are those of the b samples.
    """

    views = 1
    turns = 1

    def loss(
        self, features: Float[Tensor, "views_b f"], labels: Int[Tensor, "b"], epoch: int, n_epochs: int
    ) -> Float[Tensor, ""]:
        """What is minimised on a batch in epoch 0 .. n_epochs - 1."""
        raise NotImplementedError

    def logits(self, features: Float[Tensor, "b f"]) -> Float[Tensor, "b classes"]:
        """One number per class; the largest names the predicted class."""
        raise NotImplementedError

    def codes(self, features: Float[Tensor, "b f"]) -> Float[Tensor, "b n"]:
        """Where the objective places samples: the space it shapes."""
        return features

    @property
    def places_codes(self) -> bool:
        """Whether that space is another one than the features'."""
        return type(self).codes is not ClassObjective.codes
