"""A short description of a prepared sample's content, by which near copies of it are found."""

from math import prod

import numpy as np
from jaxtyping import Float32, Float64

from poleward.records import Features

LENGTH = 64
"""Numbers in a sketch: its distances are off by one part in eleven (1/sqrt(2 LENGTH)), one standard deviation."""

SIDE = 32
"""Images are averaged down to at most so many pixels a side first."""

SEED = 20260118


def sketches(features: Features) -> Float32[np.ndarray, "n length"]:
    """Sketches s of samples x with |s_a - s_b|^2 about mean_j (x_aj - x_bj)^2, in prepared units.

    Rows of up to 64 cells are kept whole, exactly; of more, and of images, a random projection (Johnson and
    Lindenstrauss 1984), with the same directions for all samples of one shape. A cell without a value holds its centre.

    >>> a, b = sketches(Features(np.array([[0.0, 1.0], [2.0, 1.0]])))
    >>> round(float(np.square(a - b).sum()), 5)  # (2^2 + 0^2) / 2
    2.0
    """
    values = _averaged(features.values) if features.values.ndim == 4 else features.values
    cells = values.reshape(len(values), -1).astype(np.float64) / np.sqrt(prod(values.shape[1:]))
    if cells.shape[1] > LENGTH:
        cells = np.einsum("nd,dk->nk", cells, _directions(cells.shape[1]))
    return cells.astype(np.float32)


def _directions(n_cells: int) -> Float64[np.ndarray, "cells length"]:
    return np.random.default_rng(SEED).normal(size=(n_cells, LENGTH)) / np.sqrt(LENGTH)


def _averaged(images: np.ndarray) -> np.ndarray:
    """Images with means of blocks of neighbouring rows and columns where a side is longer than SIDE."""
    for axis in (2, 3):
        n_blocks = min(images.shape[axis], SIDE)
        starts = np.arange(n_blocks) * images.shape[axis] // n_blocks
        sizes = np.diff([*starts, images.shape[axis]])
        shape = [1, 1, 1, 1]
        shape[axis] = n_blocks
        images = np.add.reduceat(images, starts, axis=axis) / sizes.reshape(shape)
    return images
