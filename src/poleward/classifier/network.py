"""The network of a classifier, untrained, and what it makes of prepared samples, one by one."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from poleward.classifier.settings import ClassifierSettings
from poleward.data.preparation import Preparation
from poleward.detector.encoding import CHUNK, padded_chunks
from poleward.labelled.augmentation import Augmentation
from poleward.labelled.network import LabelledNetwork
from poleward.networks.multilayer import MultilayerTrunk
from poleward.networks.resnet9 import ResNet9
from poleward.objectives.classes.catalogue import build_class_objective
from poleward.ood.outputs import Outputs, joined
from poleward.records import Features
from poleward.training.loop import to_tensors
from poleward.training.threads import one_thread_for

SMALLEST_SIDE = 8
"""Pixels a side that the three halvings of the image network need."""


def build_network(preparation: Preparation, settings: ClassifierSettings, n_classes: int, seed: int) -> LabelledNetwork:
    """An untrained network for prepared samples; the global generator is left alone."""
    width = settings.width_for(preparation.kind)
    channels = preparation.shape[0] * (1 + preparation.has_missing)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if preparation.kind == "table":
            trunk = MultilayerTrunk(channels, width)
            return LabelledNetwork(trunk, build_class_objective(settings.objective, trunk.n_features, n_classes))
        net = ResNet9(channels, width)
        objective = build_class_objective(settings.objective, net.n_features, n_classes)
        augmentation = Augmentation() if settings.augment else None
        return LabelledNetwork(Padded(net, preparation.shape), objective, augmentation)


class Padded(nn.Module):
    """A network of images, with a margin of zeros around those that are too small for it."""

    def __init__(self, network: ResNet9, shape: Sequence[int]) -> None:
        super().__init__()
        self.n_features = network.n_features
        height, width = (max(0, SMALLEST_SIDE - side) for side in shape[1:])
        self.margin = nn.ZeroPad2d((0, width, 0, height))
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, f)."""
        result: Tensor = self.network(self.margin(images))
        return result

    def with_earlier(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(b, c, h, w) -> features (b, f), and those of an earlier layer (b, e)."""
        return self.network.with_earlier(self.margin(images))


def network_input(features: Features, with_mask: bool) -> Features:
    """Prepared samples as the network takes them: values and, beside them if asked, which of them were observed.

    >>> network_input(Features(np.ones((1, 2)), np.array([[True, False]])), with_mask=True).values
    array([[1., 1., 1., 0.]])
    """
    if not with_mask:
        return Features(features.values, labels=features.labels)
    seen = np.ones(features.values.shape, bool) if features.observed is None else features.observed
    return Features(np.concatenate([features.values, seen], axis=1), labels=features.labels)


def see_all(
    network: LabelledNetwork,
    load: Callable[[NDArray[np.int64]], Features],
    n_samples: int,
    kind: str,
    device: str,
) -> Outputs:
    """What the network, in evaluation mode, says of samples 0 .. n - 1, whose inputs ``load`` gives, chunk by chunk."""
    dtype = next(network.parameters()).dtype
    parts: list[Outputs] = []
    with torch.no_grad(), one_thread_for(rows=kind == "table"):
        for rows, count in padded_chunks(n_samples, CHUNK[kind]):
            features, earlier = network.with_earlier(to_tensors(load(rows), device, dtype)[0])
            logits = network.objective.logits(features)
            held = [one[:count].cpu().numpy() for one in (features.float(), logits, earlier.float())]
            parts.append(Outputs(held[0], held[1], earlier=held[2]))
    return joined(parts)
