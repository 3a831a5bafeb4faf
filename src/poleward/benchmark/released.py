"""The published CIFAR-10 network with the weights that its authors released, as rows of a comparison.

Scored by the mean distance to the 3 nearest training means, unnormalised, each sample by itself and with the batch
statistics of the published figures (METHOD in docs/method.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from poleward.benchmark.contenders import Scores
from poleward.benchmark.published import BY_ITSELF, MODES, batches_of, ranked_batches, with_batch_statistics
from poleward.benchmark.splits import Split
from poleward.networks.residual import ResidualEncoder
from poleward.records import Encoded
from poleward.scoring.knn import KNearest
from poleward.scoring.views import Plain

N_LATENT, SIZE = 128, (32, 32)

ENCODER = {
    "encoder.main.0.": "stem.",
    "encoder.main.1.": "stem_norm.",
    "encoder.main.res_in_16.": "blocks.0.",
    "encoder.main.res_in_8.": "blocks.1.",
    "encoder.main.res_in_4.": "blocks.2.",
    "encoder.F2L.0.": "head.",
}
"""Beginnings of the released names, and of ours."""


def released_rows() -> list[str]:
    """One row for every mode of batch normalisation."""
    return [f"released+knn@{mode}" for mode in MODES]


def released_scores(weights: Path, split: Split) -> dict[str, Scores]:
    """Row -> scores; the training samples' means are taken in the same mode as those to rank."""
    by_itself = released_encoder(weights)
    in_batches = with_batch_statistics(by_itself)
    batches = {BY_ITSELF: batches_of(np.arange(len(split.test))), **ranked_batches(split)}
    unmet, known = np.zeros(len(split.test), bool), batches_of(np.arange(len(split.train)))
    found: dict[str, Scores] = {}
    banks: dict[bool, KNearest] = {}
    for row, (mode, rows) in zip(released_rows(), batches.items(), strict=True):
        alone = mode == BY_ITSELF
        encoder = by_itself if alone else in_batches
        if alone not in banks:
            banks[alone] = KNearest("means", Plain()).fit(Encoded(means=means(encoder, split.train, known)))
        found[row] = banks[alone].score(Encoded(means=means(encoder, split.test, rows)), unmet)
    return found


def released_encoder(weights: Path) -> ResidualEncoder:
    """The encoder with the released weights, in evaluation mode."""
    encoder = ResidualEncoder(3, SIZE, N_LATENT).eval()
    encoder.load_state_dict(under_our_names(load_file(weights), ENCODER))
    return encoder


def under_our_names(weights: Mapping[str, torch.Tensor], names: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """The released tensors whose names begin as told, under our own names."""
    return {
        ours + name.removeprefix(theirs).replace("conv_expand", "skip"): tensor
        for name, tensor in weights.items()
        for theirs, ours in names.items()
        if name.startswith(theirs)
    }


def means(encoder: torch.nn.Module, images: NDArray[np.uint8], batches: Sequence[NDArray[np.int64]]) -> Scores:
    """mu (n, 128) of images (n, 32, 32, 3) computed in the given batches, in the order of the images."""
    order = np.argsort(np.concatenate(batches))
    return np.concatenate(list(_means(encoder, images, batches)))[order]


def _means(
    encoder: torch.nn.Module, images: NDArray[np.uint8], batches: Sequence[NDArray[np.int64]]
) -> Iterator[Scores]:
    with torch.no_grad():
        for rows in batches:
            x = torch.from_numpy(images[rows]).permute(0, 3, 1, 2).float() / 255
            yield encoder(x.contiguous(memory_format=torch.channels_last)).chunk(2, dim=1)[0].numpy()
