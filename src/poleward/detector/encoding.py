"""Running the trained autoencoder over samples so that a sample's result depends on nothing but the sample.

Networks stand in evaluation mode, nothing is sampled, rows are computed in float64, and computation goes in chunks of
one
fixed size, the last one padded: every sample meets the same arithmetic, whatever stands beside it.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poleward.detector.graph import Graph
from poleward.records import Encoded, Features

if TYPE_CHECKING:
    from poleward.autoencoder.autoencoder import Autoencoder

NETWORK = frozenset({"means", "log_variances", "reconstructions"})
"""Fields of `Encoded` that a network computes; it is imported only when one is asked for, for graphs need no torch."""

CHUNK = {"images": 32, "table": 256}
"""Samples computed at a time."""


def padded_chunks(n_samples: int, size: int) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Row numbers of each chunk, the last row repeated until the chunk is full, and how many of them count.

    >>> [(rows.tolist(), count) for rows, count in padded_chunks(3, size=2)]
    [([0, 1], 2), ([2, 2], 1)]
    """
    for start in range(0, n_samples, size):
        yield np.minimum(np.arange(start, start + size), n_samples - 1), min(size, n_samples - start)


def encode(model: "Autoencoder | Graph", features: Features, wanted: frozenset[str], device: str) -> Encoded:
    """The wanted fields of `Encoded` for one full chunk of prepared samples."""
    n = len(features)
    fields: dict[str, NDArray[Any]] = {}
    if "inputs" in wanted:
        fields["inputs"] = features.values.reshape(n, -1)
    if "observed" in wanted and features.observed is not None:
        fields["observed"] = features.observed.reshape(n, -1)
    if wanted & NETWORK:
        found = model.fields(features, wanted) if isinstance(model, Graph) else _fields(model, features, wanted, device)
        fields |= {name: array.reshape(n, -1) for name, array in found.items()}
    return Encoded(**{name: array for name, array in fields.items() if name in wanted})


def _fields(
    model: "Autoencoder", features: Features, wanted: frozenset[str], device: str
) -> dict[str, NDArray[np.floating[Any]]]:
    import torch

    from poleward.training.loop import to_tensors
    from poleward.training.threads import one_thread_for

    with torch.no_grad(), one_thread_for(rows=features.values.ndim == 2):
        posterior = model.posterior(*to_tensors(features, device, next(model.parameters()).dtype))
        found = {"means": posterior.mean, "log_variances": posterior.log_variance}
        if "reconstructions" in wanted:
            found["reconstructions"] = model.reconstruct(model.draw(posterior, None))
        return {name: tensor.cpu().numpy() for name, tensor in found.items()}


def encode_all(
    model: "Autoencoder | Graph",
    load: Callable[[NDArray[np.int64]], Features],
    n_samples: int,
    kind: str,
    wanted: frozenset[str],
    device: str,
) -> Encoded:
    """The wanted fields for all samples, computed chunk by chunk."""
    parts: list[dict[str, NDArray[Any]]] = []
    for rows, count in padded_chunks(n_samples, CHUNK[kind]):
        encoded = encode(model, load(rows), wanted, device)
        parts.append({name: array[:count] for name, array in vars(encoded).items() if array is not None})
    if any("observed" in part for part in parts):  # chunks without a gap carry no mask
        for part in parts:
            part.setdefault("observed", np.ones(part["inputs"].shape, bool))
    return Encoded(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
