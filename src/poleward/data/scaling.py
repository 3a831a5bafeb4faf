"""How measured numbers become prepared ones, and back: one law for a table's column, one for an image's band.

Neither clips: a new value outside the training range lands outside the training range, which is what a detector is
there to see.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Shaped
from numpy.typing import DTypeLike

from poleward.errors import SchemaError, SettingError, SourceError
from poleward.records import Block, Features

HEAVY_TAIL = 10.0
"""Robust standard deviations from the median beyond which a training column counts as heavy-tailed."""

NORMAL_IQR = 1.349
"""Interquartile range of the standard normal law: 2 Phi^-1(3/4)."""

NORMAL_MAD = 1.4826
"""Standard deviation of a normal law over its median absolute deviation: 1 / Phi^-1(3/4)."""

PERCENTILES = (0.5, 99.5)
STRETCHES = ("linear", "percentile", "asinh")

SMALLEST_SOFTNESS = 1e-6
"""Noise under this share of a band's range counts as none."""

SAMPLED_PIXELS = 10_000_000
"""A band with more training pixels has its percentiles, noise and mean taken from this many, with a fixed seed."""

CHUNK_CELLS = 4_000_000
"""Image cells held in float64 at one time."""


def into_dtype(values: Float[np.ndarray, "*shape"], dtype: DTypeLike) -> Shaped[np.ndarray, "*shape"]:
    """Bring computed numbers into the range of a dtype, rounded to whole numbers if the dtype has only those.

    Examples
    --------
    >>> into_dtype(np.array([-3.0, 1.6, 300.0]), "uint8").tolist()
    [0, 2, 255]
    """
    target = np.dtype(dtype)
    if target.kind == "b":
        return np.asarray(values > 0.5)
    if target.kind == "f":
        limits = np.finfo(target)
        return np.asarray(np.clip(values, float(limits.min), float(limits.max)), dtype=target)
    return np.asarray(np.clip(np.rint(values), *whole_limits(target)).astype(target))


def whole_limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the smallest and largest float64 that an integer dtype can hold."""
    limits = np.iinfo(dtype)
    highest = float(limits.max)  # 2^63 - 1 and 2^64 - 1 are no float64: they round up, out of range
    return float(limits.min), highest if int(highest) <= limits.max else math.nextafter(highest, 0.0)


@dataclass(frozen=True)
class RobustScale:
    """The scale of a numeric column: ``v = (t - mean) / deviation`` with ``u = (x - median) / spread``.

    ``t = u``, or ``t = asinh(u)`` when the training column reaches beyond ``HEAVY_TAIL``.

    spread : IQR / 1.349 of the training values; where that is 0 their standard deviation about the median; then 1
    mean, deviation : of t over the training values, so that v has mean 0 and variance 1 there; deviation is 1 for a
        constant column, so that a changed constant stands out
    varies : whether the training values were more than one constant

    Examples
    --------
    >>> scale = RobustScale.of(np.array([1.0, 3.0]))
    >>> scale.prepare(np.array([1.0, 3.0, 6.0])).tolist()
    [-1.0, 1.0, 4.0]
    """

    median: float
    spread: float
    stretch: str
    mean: float
    deviation: float
    varies: bool

    @classmethod
    def of(cls, x: Float64[np.ndarray, " n"]) -> "RobustScale":
        """Learn the scale of the observed training values, at least one."""
        lower, median, upper = (float(q) for q in np.quantile(x, (0.25, 0.5, 0.75)))
        distance = x - median
        reach = float(np.abs(distance).max())
        spread = (upper - lower) / NORMAL_IQR if upper > lower else deviation_within(distance, reach)
        stretch = "asinh" if reach / spread > HEAVY_TAIL else "linear"
        t = stretched(distance / spread, stretch)
        return cls(median, spread, stretch, float(t.mean()), float(t.std()) or 1.0, reach > 0)

    def prepare(self, x: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """Scale values of the column."""
        return (stretched((x - self.median) / self.spread, self.stretch) - self.mean) / self.deviation

    def restore(self, v: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """Undo ``prepare``; a value that no float64 can hold becomes infinite."""
        t = v * self.deviation + self.mean
        with np.errstate(over="ignore"):
            return (np.sinh(t) if self.stretch == "asinh" else t) * self.spread + self.median


def deviation_within(distance: Float64[np.ndarray, " n"], reach: float) -> float:
    """Return the standard deviation of distances of at most ``reach``, or 1 where that is 0 in float64."""
    return (reach * float(np.std(distance / reach)) if reach > 0 else 1.0) or 1.0


def stretched(u: Float64[np.ndarray, "*shape"], stretch: str) -> Float64[np.ndarray, "*shape"]:
    """Return asinh(u) for the stretch ``"asinh"``, else u itself."""
    return np.arcsinh(u) if stretch == "asinh" else u


@dataclass(frozen=True)
class BandScale:
    """The scale of an image band: low becomes 0 and high becomes 1.

    ``v = (x - low) / (high - low)``, or ``v = asinh((x - low) / soft) / asinh((high - low) / soft)`` with a ``soft``.

    low, high : native units; a constant band (low == high) is divided by 1
    soft : native units, > 0: the noise level above which asinh turns from linear to logarithmic
    centre : prepared units: the mean of the training pixels, which stands in for an unobserved one

    Examples
    --------
    >>> BandScale(low=10.0, high=20.0).prepare(np.array([10.0, 15.0, 30.0])).tolist()
    [0.0, 0.5, 2.0]
    """

    low: float
    high: float
    soft: float | None = None
    centre: float = 0.0

    @property
    def width(self) -> float:
        """The distance from low to high, in units of ``soft`` and through asinh where there is one."""
        if self.soft is not None:
            return math.asinh((self.high - self.low) / self.soft)
        return (self.high - self.low) or 1.0

    def prepare(self, x: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """Scale pixels of the band."""
        if self.soft is not None:
            return np.arcsinh((x - self.low) / self.soft) / self.width
        return (x - self.low) / self.width

    def restore(self, v: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """Undo ``prepare``; a value that no float64 can hold becomes infinite."""
        if self.soft is None:
            return v * self.width + self.low
        with np.errstate(over="ignore"):
            return np.sinh(v * self.width) * self.soft + self.low


class ImagePreparation:
    """Images of one size, each band brought to about 0 to 1 over the training images, bands first, in float32.

    Parameters
    ----------
    stretch : ``"linear"``: low and high are a band's smallest and largest training value; ``"percentile"``: its 0.5 and
        99.5 percentiles; ``"asinh"``: these percentiles, joined by asinh, linear below ``soft`` and logarithmic above.
        ``soft`` is 1.4826 times the median absolute deviation from the band's median, the noise of a mostly empty
        image, or a tenth of high - low where that is next to 0. Percentiles that coincide give way to the limits.
    nodata : native units: the value of pixels without a measurement; NaN always is one

    Examples
    --------
    >>> images = np.array([0, 50, 100, 200], dtype="uint8").reshape(1, 2, 2, 1)
    >>> ImagePreparation().fit(images).encode(images).values.tolist()
    [[[[0.0, 0.25], [0.5, 1.0]]]]
    """

    kind = "images"

    def __init__(self, stretch: str = "linear", nodata: int | float | None = None) -> None:
        if stretch not in STRETCHES:
            raise SettingError(f"stretch is {stretch!r}; it must be one of {', '.join(STRETCHES)}.")
        if nodata is not None and math.isinf(nodata):
            raise SettingError(
                "nodata is infinite; it must be a finite number (NaN pixels are left out by themselves)."
            )
        self.stretch = stretch
        self.nodata = None if nodata is None or math.isnan(nodata) else float(nodata)
        self.dtype = np.dtype("float32")
        self.size = (0, 0)
        self.bands: tuple[BandScale, ...] = ()
        self.has_missing = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """(bands, height, width) of one prepared image."""
        return (len(self.bands), *self.size)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """One numeric block for each band."""
        return tuple(Block(f"band {band + 1}", "numeric", band, 1) for band in range(len(self.bands)))

    @property
    def squeezed(self) -> None:
        """Pixels keep the scale that their stretch gave them."""

    def fit(self, images: Shaped[np.ndarray, "n height width bands"]) -> "ImagePreparation":
        """Learn every band's scale from the observed training pixels.

        Errors
        ------
        SourceError : no image, an infinite pixel, a band without any pixel, or pixels that are all alike
        """
        if images.size == 0:
            raise SourceError(f"no pixel to learn from: the images have the shape {images.shape}; give at least one.")
        self.dtype = images.dtype.newbyteorder("=")
        self.size = images.shape[1:3]
        observed = self._observed(images)
        self.has_missing = observed is not None
        pixels, masks = by_band(images), None if observed is None else by_band(observed)
        self.bands = tuple(
            band_scale(pixels[:, band], None if masks is None else masks[:, band], self.stretch, f"band {band + 1}")
            for band in range(images.shape[3])
        )
        if all(band.low == band.high for band in self.bands):
            raise SourceError("every pixel of the training images has the same value; give images that differ.")
        return self

    def encode(self, images: Shaped[np.ndarray, "n height width bands"]) -> Features:
        """Prepare images of the size and bands that the model was trained on.

        Returns
        -------
        Features : (n, bands, height, width) float32; a masked pixel holds its band's centre and is unobserved

        Errors
        ------
        SchemaError : another size or number of bands; a different dtype is scaled like the training images
        SourceError : an infinite pixel
        """
        self._check(images)
        values = np.empty((len(images), *self.shape), dtype=np.float32)
        for rows in chunks(len(images), math.prod(self.shape)):
            for band, scale in enumerate(self.bands):
                values[rows, band] = scale.prepare(images[rows, :, :, band].astype(np.float64))
        observed = self._observed(images)
        if observed is None:
            return Features(values)
        mask = np.ascontiguousarray(np.moveaxis(observed, -1, 1))
        centres = np.array([band.centre for band in self.bands], dtype=np.float32)
        return Features(np.where(mask, values, centres[:, None, None]), mask)

    def decode(self, values: Float[np.ndarray, "n bands height width"]) -> Shaped[np.ndarray, "n height width bands"]:
        """Bring prepared images back to native units and the training images' dtype, bands last."""
        images = np.empty((len(values), *self.size, len(self.bands)), dtype=self.dtype)
        for rows in chunks(len(values), math.prod(self.shape)):
            for band, scale in enumerate(self.bands):
                images[rows, :, :, band] = into_dtype(scale.restore(values[rows, band].astype(np.float64)), self.dtype)
        return images

    def to_manifest(self) -> dict[str, Any]:
        """Return everything that ``fit`` learned as plain JSON values."""
        return {
            "kind": self.kind,
            "stretch": self.stretch,
            "nodata": self.nodata,
            "dtype": self.dtype.name,
            "size": list(self.size),
            "bands": [asdict(band) for band in self.bands],
            "has_missing": self.has_missing,
        }

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> "ImagePreparation":
        """Rebuild the fitted preparation that wrote the manifest."""
        preparation = cls(manifest["stretch"], manifest["nodata"])
        preparation.dtype = np.dtype(manifest["dtype"])
        height, width = manifest["size"]
        preparation.size = (int(height), int(width))
        preparation.bands = tuple(BandScale(**band) for band in manifest["bands"])
        preparation.has_missing = manifest["has_missing"]
        return preparation

    def describe(self) -> list[str]:
        """Say in sentences what images the model takes and how it scales them."""
        sentences = [f"Images of {sizes(*self.size, len(self.bands))} ({self.dtype.name}), {self.stretch} stretch."]
        sentences += [
            f"Band {number}: {band.low:g} becomes 0 and {band.high:g} becomes 1."
            if band.low != band.high
            else f"Band {number}: constant at {band.low:g} in training, kept."
            for number, band in enumerate(self.bands, start=1)
        ]
        if self.nodata is not None:
            sentences.append(f"Pixels equal to {self.nodata:g} hold no measurement.")
        if self.has_missing:
            sentences.append("Some training pixels hold no measurement; they take no part in the scaling.")
        return sentences

    def _check(self, images: Shaped[np.ndarray, "n height width bands"]) -> None:
        height, width, bands = images.shape[1:]
        if (bands, height, width) != self.shape:
            raise SchemaError(
                f"the images have {sizes(height, width, bands)}; the model was trained on "
                f"{sizes(*self.size, len(self.bands))}. Give images of that size."
            )

    def _observed(
        self, images: Shaped[np.ndarray, "n height width bands"]
    ) -> Bool[np.ndarray, "n height width bands"] | None:
        observed = np.ones(images.shape, dtype=bool) if self.nodata is None else images != self.nodata
        if images.dtype.kind == "f":
            observed &= ~np.isnan(images)
            infinite = np.flatnonzero((np.isinf(images) & observed).any(axis=(1, 2, 3)))
            if len(infinite):
                raise SourceError(
                    f"image {infinite[0] + 1} of {len(images)} holds an infinite pixel; "
                    "pixels must be finite, or NaN where there is no measurement."
                )
        return None if observed.all() else observed


def by_band(images: Shaped[np.ndarray, "n height width bands"]) -> Shaped[np.ndarray, "pixels bands"]:
    """Put the pixels of all images below each other."""
    return images.reshape(-1, images.shape[-1])


def chunks(n: int, cells: int) -> Iterator[slice]:
    """Cut n samples into runs of about ``CHUNK_CELLS`` cells."""
    step = max(1, CHUNK_CELLS // cells)
    return (slice(start, start + step) for start in range(0, n, step))


def sizes(height: int, width: int, bands: int) -> str:
    """Name an image's size as a reader would.

    Examples
    --------
    >>> sizes(32, 64, 1)
    '32 x 64 pixels and 1 band'
    """
    return f"{height} x {width} pixels and {bands} band{'s' if bands != 1 else ''}"


def band_scale(
    pixels: Shaped[np.ndarray, " pixels"], mask: Bool[np.ndarray, " pixels"] | None, stretch: str, name: str
) -> BandScale:
    """Learn one band's scale from its observed training pixels."""
    seen = pixels if mask is None else pixels[mask]
    if len(seen) == 0:
        raise SourceError(f"{name} holds no measurement in any training image; leave the band out.")
    sample = sampled(seen).astype(np.float64)
    limits = (float(seen.min()), float(seen.max()))
    if stretch != "linear":
        low, high = (float(q) for q in np.percentile(sample, PERCENTILES))
        limits = (low, high) if low < high else limits
    scale = BandScale(*limits, soft=softness(sample, *limits) if stretch == "asinh" else None)
    return BandScale(scale.low, scale.high, scale.soft, float(scale.prepare(sample).mean()))


def sampled(pixels: Shaped[np.ndarray, " pixels"]) -> Shaped[np.ndarray, " sample"]:
    """Return all pixels, or ``SAMPLED_PIXELS`` of them drawn with replacement and a fixed seed if there are more."""
    if len(pixels) <= SAMPLED_PIXELS:
        return pixels
    return pixels[np.random.default_rng(0).integers(len(pixels), size=SAMPLED_PIXELS)]


def softness(sample: Float64[np.ndarray, " sample"], low: float, high: float) -> float | None:
    """Return the asinh stretch's noise level, or None for a constant band."""
    if low == high:
        return None
    noise = NORMAL_MAD * float(np.median(np.abs(sample - np.median(sample))))
    return noise if noise > SMALLEST_SOFTNESS * (high - low) else (high - low) / 10
