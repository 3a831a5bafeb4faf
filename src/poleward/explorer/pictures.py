"""Samples as PNG files for the page."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.errors import SourceError
from poleward.records import Correction
from poleward.report.thumbnails import colours, display_range, heat, png

PICTURES = ("image", "reconstruction", "residual")
REPAIRED = ("corrected", "changed")
LARGEST_SIDE = 1024
THUMBNAIL_SIDE = 160


def thumbnail(image: NDArray[Any]) -> bytes:
    """An image (height, width, bands) as a small PNG."""
    return png(colours(image, *display_range(image)), THUMBNAIL_SIDE)


def picture(name: str, evidence: Mapping[str, Any], residual_top: float) -> bytes:
    """One of a sample's pictures as a PNG; SourceError for one that it does not have.

    name : one of ``PICTURES`` and ``REPAIRED``
    evidence : the pictures as arrays, by name
    """
    if name not in (*PICTURES, *REPAIRED) or evidence.get(name) is None:
        raise SourceError(f"this sample has no picture {name!r}")
    if name in ("residual", "changed"):
        return png(heat(evidence[name], residual_top if name == "residual" else 1.0), LARGEST_SIDE)
    return png(colours(evidence[name], *display_range(evidence["image"])), LARGEST_SIDE)


def repaired(correction: Correction) -> Mapping[str, Any]:
    """The pictures of a corrected image, as arrays by name: itself, and how probably wrong each changed pixel was."""
    changed = np.where(correction.mask[0], correction.probability[0], 0.0).max(axis=-1)
    return {"corrected": correction.data[0], "changed": changed}
