"""Network + class objective: what the training loop trains when samples have classes."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from poleward.labelled.augmentation import Augmentation
from poleward.objectives.classes.objective import ClassObjective


@runtime_checkable
class Layered(Protocol):
    """A network that also gives the features of an earlier layer."""

    def with_earlier(self, x: Tensor, /) -> tuple[Tensor, Tensor]:
        """(b, *shape) -> features (b, f), and earlier ones (b, e)."""
        ...


class LabelledNetwork(nn.Module):
    """Features of a network under the head of an objective.

    Parameters
    ----------
    network : (b, *shape) -> (b, f)
    objective : on f features
    augmentation : of images while training; None shows every sample as it is
    """

    def __init__(self, network: nn.Module, objective: ClassObjective, augmentation: Augmentation | None = None) -> None:
        super().__init__()
        self.network = network
        self.objective = objective
        self.augmentation = augmentation

    def forward(self, values: Float[Tensor, "b *shape"]) -> Float[Tensor, "b f"]:
        """Features; of an image the mean over it and its mirror image, where training shows both."""
        return self.with_earlier(values)[0]

    def with_earlier(self, values: Float[Tensor, "b *shape"]) -> tuple[Float[Tensor, "b f"], Float[Tensor, "b e"]]:
        """Features, and in the same way those of an earlier layer; e is 0 for a network that gives none."""
        features, earlier = self._of_network(values)
        if self.augmentation is not None and self.augmentation.mirror:
            of_mirror = self._of_network(values.flip(-1))
            features, earlier = (features + of_mirror[0]) / 2, (earlier + of_mirror[1]) / 2
        return features, earlier

    def _of_network(self, values: Tensor) -> tuple[Tensor, Tensor]:
        if isinstance(self.network, Layered):
            return self.network.with_earlier(values)
        features: Tensor = self.network(values)
        return features, features[:, :0]

    def loss(
        self,
        values: Float[Tensor, "b *shape"],
        observed: Tensor | None,
        epoch: int,
        n_epochs: int,
        generator: torch.Generator,
        half_precision: bool,
        labels: Int[Tensor, "b"],
    ) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """Loss of a batch; the network in bfloat16 if asked, the objective in float32.

        What was not observed holds its centre in ``values``; the mask itself is not used.
        """
        views = self._views(values, generator)
        with torch.autocast(values.device.type, dtype=torch.bfloat16, enabled=half_precision):
            features = self.network(views)
        loss = self.objective.loss(features.float(), labels, epoch, n_epochs)
        return loss, {"loss": loss.item()}

    def _views(self, values: Tensor, generator: torch.Generator) -> Tensor:
        """(views b, *shape), view by view; view v turned by v % turns quarter turns."""
        one_by_one = []
        for v in range(self.objective.views):
            view = values if self.augmentation is None else self.augmentation.view(values, generator)
            one_by_one.append(view.rot90(v % self.objective.turns, dims=(-2, -1)) if v % self.objective.turns else view)
        return torch.cat(one_by_one) if len(one_by_one) > 1 else one_by_one[0]
