"""What a network's objective makes of features: logits, and codes where it places samples."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from poleward.detector.encoding import CHUNK, padded_chunks
from poleward.labelled.network import LabelledNetwork


def head_of(
    network: LabelledNetwork, features: NDArray[np.float32], device: str
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Logits (n, C), and codes (n, k) where the objective places samples, of features (n, f), chunk by chunk."""
    dtype = next(network.parameters()).dtype
    logits, codes = [], []
    with torch.no_grad():
        for rows, count in padded_chunks(len(features), CHUNK["table"]):
            points = torch.as_tensor(features[rows], dtype=dtype, device=device)
            logits.append(network.objective.logits(points)[:count].cpu().numpy())
            codes.append(network.objective.codes(points)[:count].cpu().numpy())
    return np.concatenate(logits), np.concatenate(codes)
