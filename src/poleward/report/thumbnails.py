"""Samples as small pictures: arrays in, PNG data URIs out."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

MISSING = (0, 214, 224)  # cyan: on no point of the heat ramp, and rare in photographs
LARGEST_SIDE = 256
THUMBNAIL = 32
QUALITY = 82

# Ten points of matplotlib's inferno (CC0): black to pale yellow with lightness rising evenly.
HEAT = np.array(
    [
        [0x00, 0x00, 0x04],
        [0x1B, 0x0C, 0x41],
        [0x4A, 0x0C, 0x6B],
        [0x78, 0x1C, 0x6D],
        [0xA5, 0x2C, 0x60],
        [0xCF, 0x44, 0x46],
        [0xED, 0x69, 0x25],
        [0xFB, 0x9B, 0x06],
        [0xF7, 0xD1, 0x3D],
        [0xFC, 0xFF, 0xA4],
    ],
    dtype=np.float64,
)


def display_range(image: NDArray[Any]) -> tuple[float, float]:
    """Return the values shown as black and as white.

    An 8-bit image is shown as it is; any other from the 1st to the 99th percentile of the finite values of its first
    three bands.

    image : (height, width, bands), any unit

    >>> display_range(np.zeros((2, 2, 1), dtype=np.uint8))
    (0.0, 255.0)
    >>> display_range(np.arange(101.0).reshape(101, 1, 1))
    (1.0, 99.0)
    """
    if image.dtype == np.uint8:
        return 0.0, 255.0
    shown = np.asarray(image[..., :3], dtype=np.float64)
    shown = shown[np.isfinite(shown)]
    if not shown.size:
        return 0.0, 1.0
    low, high = np.percentile(shown, [1, 99])
    return float(low), float(high)


def colours(image: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Return the pixels to show: one band as grey, else the first three as red, green and blue (two: no blue).

    A pixel that is not finite in a shown band takes the colour ``MISSING``.

    image : (height, width, bands)
    low, high : values shown as black and as white, low <= high
    returns : (height, width, 3)

    >>> colours(np.array([[[0.0], [1.0], [np.nan]]]), 0.0, 1.0).tolist()
    [[[0, 0, 0], [255, 255, 255], [0, 214, 224]]]
    """
    shown = np.asarray(image[..., :3], dtype=np.float64)
    finite = np.isfinite(shown)
    shown = np.clip(np.where(finite, shown, low), low, high)
    pixels = np.rint(255 * (shown - low) / ((high - low) or 1.0)).astype(np.uint8)
    if pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    pixels = np.pad(pixels, [(0, 0), (0, 0), (0, 3 - pixels.shape[-1])])
    pixels[~finite.all(axis=-1)] = MISSING
    return pixels


def heat(residual: NDArray[Any], top: float) -> NDArray[np.uint8]:
    """Colour a residual map from black at 0 to pale yellow at ``top`` and above.

    residual : (height, width), at least 0; a value that is not finite takes the colour ``MISSING``
    top : same unit, above 0
    returns : (height, width, 3)

    >>> heat(np.array([[0.0, 2.0, 9.0]]), 2.0).tolist()
    [[[0, 0, 4], [252, 255, 164], [252, 255, 164]]]
    """
    finite = np.isfinite(residual)
    share = np.clip(np.where(finite, residual, 0.0) / top, 0.0, 1.0)
    anchors = np.linspace(0.0, 1.0, len(HEAT))
    ramp = np.stack([np.interp(share, anchors, channel) for channel in HEAT.T], axis=-1)
    pixels: NDArray[np.uint8] = np.rint(ramp).astype(np.uint8)
    pixels[~finite] = MISSING
    return pixels


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """Write pixels as a PNG in a data URI, made smaller where a side is longer than ``LARGEST_SIDE``.

    pixels : (height, width, 3)
    """
    return "data:image/png;base64," + base64.b64encode(png(pixels, LARGEST_SIDE, optimize=True)).decode("ascii")


def png(pixels: NDArray[np.uint8], largest_side: int, optimize: bool = False) -> bytes:
    """Pixels (height, width, 3) as a PNG, made smaller where a side is longer than asked for.

    optimize : take more time for a smaller file

    >>> png(np.zeros((2, 2, 3), np.uint8), 160)[1:4]
    b'PNG'
    """
    picture = Image.fromarray(pixels)
    picture.thumbnail((largest_side, largest_side), Image.Resampling.BOX)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=optimize)
    return buffer.getvalue()


def thumbnail(image: NDArray[Any]) -> NDArray[np.uint8]:
    """A small square picture of an image (height, width, bands), with black bars where it is not square.

    returns : (32, 32, 3)
    """
    picture = Image.fromarray(colours(image, *display_range(image)))
    smaller = max(picture.size) > THUMBNAIL
    resampling = Image.Resampling.BOX if smaller else Image.Resampling.NEAREST
    return np.asarray(ImageOps.pad(picture, (THUMBNAIL, THUMBNAIL), resampling))


def jpeg_uri(pixels: NDArray[np.uint8]) -> str:
    """Write pixels (height, width, 3) as a JPEG in a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
