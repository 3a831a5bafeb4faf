"""Galaxy images drawn from a seed: a data set that needs no download.

A light is what the sky would show without atmosphere or detector: an array (y, x, band) on a grid finer than the
pixels, whose coordinates run from -1 to 1 across the image. It is blurred, binned, made noisy and stretched as survey
pictures are. Odd images show what surveys meet: mergers, rings, satellite trails and dropped columns. They are as
bright as normal ones, and stars, leftover sky and the noise of the exposure vary alike in both: brightness says nothing
of them, and the distance between pixels little.

Sources: J. L. Sersic (1963) for the profiles; R. H. Lupton et al., "Preparing red-green-blue images from CCD data"
(2004), for the stretch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from poleward.data.task import Task
from poleward.errors import SettingError

Light = NDArray[np.float64]

OVERSAMPLING = 2

# in counts: the sky's level, what reading adds (standard deviation), what subtracting the sky leaves over (the same)
SKY, READ_NOISE, GLOW = 40.0, 4.0, 5.5

# the stretch: counts where it turns from linear to logarithmic, counts of full white, byte value of an empty sky
SOFTENING, WHITE, BLACK = 20.0, 2000.0, 30.0

# what varies between images: log of the mean stretched light, log of the noise, stars per image, widths of the blur
LOG_BRIGHTNESS, LOG_NOISE, STARS, BLUR = (-1.8, 0.1), (-0.4, 0.4), 0.3, (0.55, 1.0)


@dataclass(frozen=True)
class Galaxies:
    """Images of galaxies and what each one shows.

    images : (n, size, size, bands) uint8, the reddest band first
    is_odd : (n,) bool
    kind : n names, from ``NORMAL`` and ``ODD``
    """

    images: NDArray[np.uint8]
    is_odd: NDArray[np.bool_]
    kind: Sequence[str]


@dataclass(frozen=True)
class Field:
    """The grid that a light is drawn on.

    x, y : (1, fine), (fine, 1), from -1 to 1
    band : (bands,) from 1, the reddest, to -1, the bluest; 0 when alone
    pixel : width of an image pixel
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    band: NDArray[np.float64]
    pixel: float


@dataclass(frozen=True)
class Pose:
    """How a galaxy lies in the field.

    x, y : its centre
    angle : rad, of its long axis
    axis_ratio : short over long axis, in (0, 1]
    radius : of half its light, along the long axis
    """

    x: float
    y: float
    angle: float
    axis_ratio: float
    radius: float


def generate_galaxies(n: int, *, size: int = 32, bands: int = 3, odd_share: float = 0.0, seed: int = 0) -> Galaxies:
    """Draw galaxies, each from the seed and its own index alone: a longer run begins with the images of a shorter one.

    n : images, 0 or more
    size : pixels along a side, 8 or more
    bands : 1 or more
    odd_share : probability of each image to be odd, in [0, 1]
    seed : 0 or more

    Raises ``SettingError`` for anything else.

    >>> galaxies = generate_galaxies(4, size=16, bands=5, odd_share=1.0)
    >>> galaxies.images.shape, int(galaxies.is_odd.sum())
    ((4, 16, 16, 5), 4)
    """
    _check(n, size, bands, odd_share, seed)
    field = _field(size, bands)
    images, kind = np.empty((n, size, size, bands), dtype=np.uint8), []
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        kind.append(_kind(rng, odd_share))
        images[i] = _photograph(rng, field, kind[i])
    return Galaxies(images, np.array([name in ODD for name in kind], dtype=np.bool_), kind)


def galaxy_task(
    n_train: int = 1500, n_test: int = 560, odd_share: float = 0.1, *, size: int = 32, bands: int = 3, seed: int = 0
) -> Task:
    """Normal galaxies to learn from, and others to judge, some of them odd.

    n_train, n_test : images, 0 or more
    odd_share : probability of each test image to be odd, in [0, 1]
    size, bands, seed : as for ``generate_galaxies``, which draws both sets from seeds of their own

    >>> task = galaxy_task(2, 3, odd_share=0.0, size=8)
    >>> len(task.train), len(task.test), bool(task.is_odd.any())
    (2, 3, False)
    """
    train = generate_galaxies(n_train, size=size, bands=bands, seed=2 * seed)
    test = generate_galaxies(n_test, size=size, bands=bands, odd_share=odd_share, seed=2 * seed + 1)
    return Task(train.images, test.images, test.is_odd, test.kind)


def _check(n: int, size: int, bands: int, odd_share: float, seed: int) -> None:
    for name, value, least in (("n", n, 0), ("size", size, 8), ("bands", bands, 1), ("seed", seed, 0)):
        if value < least:
            raise SettingError(f"galaxies: {name} is a whole number from {least}; found {value}")
    if not 0 <= odd_share <= 1:
        raise SettingError(f"galaxies: odd_share is a share from 0 to 1; found {odd_share}")


def _field(size: int, bands: int) -> Field:
    fine = size * OVERSAMPLING
    centres = np.linspace(-1, 1, fine, endpoint=False, dtype=np.float64) + 1 / fine
    band = np.linspace(1, -1, bands) if bands > 1 else np.zeros(1)
    return Field(centres[None, :], centres[:, None], band, 2 / size)


def _kind(rng: Generator, odd_share: float) -> str:
    return str(rng.choice(list(ODD if rng.random() < odd_share else NORMAL)))


def _photograph(rng: Generator, field: Field, kind: str) -> NDArray[np.uint8]:
    """One finished image, (size, size, bands)."""
    light = (ODD if kind in ODD else NORMAL)[kind](rng, field)
    counts = _brightened(light, np.exp(rng.uniform(*LOG_BRIGHTNESS)))
    for _ in range(rng.poisson(STARS)):
        counts += _star(rng, field)
    exposed = _exposed(rng, counts)
    exposed += _glow(rng, exposed.shape)
    return _stretched(_drop_columns(rng, exposed) if kind == DROPPED else exposed)


def _brightened(light: Light, brightness: float) -> Light:
    """Scale a light until its mean is as asked once stretched, for the stretch favours extended lights."""
    mean, scale = light.mean(axis=2) / SOFTENING, 1.0
    for _ in range(6):  # the stretched mean grows like scale^e, e in 1/3 to 1: the power 1.5 at least halves the error
        scale *= (brightness / np.arcsinh(scale * mean).mean()) ** 1.5
    return scale * light


def _exposed(rng: Generator, counts: Light) -> Light:
    """Blur by the atmosphere, bin to pixels, add the noise of photons and of reading; (size, size, bands)."""
    blur = OVERSAMPLING * rng.uniform(*BLUR)
    blurred = gaussian_filter(counts, (blur, blur, 0), mode="constant", truncate=3)
    size, bands = len(counts) // OVERSAMPLING, counts.shape[2]
    pixels: Light = blurred.reshape(size, OVERSAMPLING, size, OVERSAMPLING, bands).mean(axis=(1, 3))
    noise = np.exp(rng.uniform(*LOG_NOISE)) * np.sqrt(READ_NOISE**2 + SKY + pixels)
    pixels += noise * rng.normal(size=pixels.shape)
    return pixels


def _glow(rng: Generator, shape: tuple[int, ...]) -> Light:
    """The sky left over: a level and a slope, mostly the same in every band."""
    rows, columns, bands = shape
    y, x = np.linspace(-1, 1, rows)[:, None, None], np.linspace(-1, 1, columns)[None, :, None]
    level, slope_x, slope_y = (rng.normal(0, GLOW) + rng.normal(0, GLOW / 3, size=bands) for _ in range(3))
    glow: Light = level + slope_x * x + slope_y * y
    return glow


def _stretched(counts: Light) -> NDArray[np.uint8]:
    """Bytes by ``counts asinh(m) / m``, m the mean over bands in units of the softening: one factor keeps colours."""
    depth = counts.mean(axis=2, keepdims=True) / SOFTENING
    factor = np.arcsinh(depth) / np.where(depth == 0, 1.0, depth)
    bright = counts / SOFTENING * factor / np.arcsinh(WHITE / SOFTENING)
    image: NDArray[np.uint8] = np.clip(np.rint(BLACK + (255 - BLACK) * bright), 0, 255).astype(np.uint8)
    return image


def _coloured(field: Field, shape: Light, flux: float, redness: float) -> Light:
    """A shape (fine, fine) in every band, with a mean flux over the field; redness 0 is grey."""
    spectrum = np.exp(redness * field.band)
    coloured: Light = (shape * (flux / shape.mean()))[..., None] * (spectrum / spectrum.mean())
    return coloured


def _pose(rng: Generator, flattest: float) -> Pose:
    x, y = rng.uniform(-0.3, 0.3, size=2)
    return Pose(x, y, rng.uniform(0, np.pi), rng.uniform(flattest, 1), 0.18 * np.exp(rng.normal(0, 0.35)))


def _in_plane(field: Field, pose: Pose) -> tuple[Light, Light]:
    """Distance from a galaxy's centre, in its radii, and azimuth, both in the galaxy's own plane."""
    x, y = field.x - pose.x, field.y - pose.y
    along = x * np.cos(pose.angle) + y * np.sin(pose.angle)
    across = (y * np.cos(pose.angle) - x * np.sin(pose.angle)) / pose.axis_ratio
    return np.hypot(along, across) / pose.radius, np.arctan2(across, along)


def _sersic(radius: Light, index: float) -> Light:
    """``exp(-b r^(1/m))``; with ``b = 2m - 1/3`` half of the light lies inside r = 1."""
    shape: Light = np.exp(-(2 * index - 1 / 3) * radius ** (1 / index))
    return shape


def _elliptical(rng: Generator, field: Field, pose: Pose) -> Light:
    radius, _ = _in_plane(field, pose)
    return _coloured(field, _sersic(radius, rng.uniform(1.5, 4)), 1.0, rng.normal(0.42, 0.1))


def _spiral(rng: Generator, field: Field, pose: Pose) -> Light:
    """A red bulge, an exponential disc and two blue logarithmic arms, ``azimuth = ln(r) / tan(pitch)``."""
    radius, azimuth = _in_plane(field, pose)
    winding = rng.choice([-1, 1]) / np.tan(rng.uniform(0.28, 0.6))
    phase = 2 * (azimuth - winding * np.log(radius + 0.1)) + rng.uniform(0, 2 * np.pi)
    disc = np.exp(-1.3 * radius)
    arms = disc * radius / (radius + 0.4) * np.exp(2.5 * (np.cos(phase) - 1))
    bulge_flux, arms_flux = rng.uniform(0.08, 0.3), rng.uniform(0.35, 0.55)
    bulge = _coloured(field, _sersic(3.5 * radius, 2.0), bulge_flux, rng.normal(0.4, 0.06))
    disc = _coloured(field, disc, 1 - bulge_flux - arms_flux, rng.normal(0.1, 0.1))
    return bulge + disc + _coloured(field, arms, arms_flux, rng.normal(-0.35, 0.1))


def _galaxy(rng: Generator, field: Field, pose: Pose) -> Light:
    return (_elliptical if rng.random() < 0.5 else _spiral)(rng, field, pose)


def _lone_galaxy(rng: Generator, field: Field) -> Light:
    return _galaxy(rng, field, _pose(rng, 0.4))


def _star(rng: Generator, field: Field) -> Light:
    """A point anywhere in the field, in counts."""
    x, y = rng.uniform(-0.95, 0.95, size=2)
    point = np.exp(-((field.x - x) ** 2 + (field.y - y) ** 2) / (2 * (field.pixel / 2) ** 2))
    return _coloured(field, point, np.exp(rng.uniform(-1.5, 1)), rng.normal(0, 0.35))


def _merger(rng: Generator, field: Field) -> Light:
    """Two galaxies close to each other, a tidal tail behind each."""
    heading, apart = rng.uniform(0, 2 * np.pi), rng.uniform(0.16, 0.27)
    share, turn = rng.uniform(0.4, 0.6), rng.choice([-1, 1]) * rng.uniform(1.2, 2.0)
    one = _partner(rng, field, heading, apart, turn)
    other = _partner(rng, field, heading + np.pi, apart, turn)
    return share * one + (1 - share) * other


def _partner(rng: Generator, field: Field, heading: float, apart: float, turn: float) -> Light:
    x, y = apart * np.cos(heading), apart * np.sin(heading)
    pose = Pose(x, y, rng.uniform(0, np.pi), rng.uniform(0.5, 1), rng.uniform(0.09, 0.15))
    tail = _coloured(field, _tail(field, x, y, heading, turn), 1.0, rng.normal(-0.15, 0.06))
    return 0.8 * _galaxy(rng, field, pose) + 0.2 * tail


def _tail(field: Field, x: float, y: float, heading: float, turn: float) -> Light:
    """An arc that leaves a point, turns by an angle in rad, widens and fades: a row of round spots."""
    along = np.linspace(0, 1, 24)[:, None]
    direction = heading + 0.8 * np.sign(turn) - turn * along
    at_x, at_y = x + 0.026 * np.cumsum(np.cos(direction), axis=0), y + 0.026 * np.cumsum(np.sin(direction), axis=0)
    width = 0.04 * (1 + along)
    across_x = np.exp(-((field.x - at_x) ** 2) / (2 * width**2))
    across_y = np.exp(-((field.y.T - at_y) ** 2) / (2 * width**2)) * (1 - 0.8 * along)
    return across_y.T @ across_x


def _ring(rng: Generator, field: Field) -> Light:
    """A blue, uneven ring around a small red core."""
    pose = replace(_pose(rng, 0.65), radius=rng.uniform(0.15, 0.23))
    radius, azimuth = _in_plane(field, pose)
    at, width, core_flux = rng.uniform(1.8, 2.3), rng.uniform(0.2, 0.3), rng.uniform(0.2, 0.4)
    knots = 1 + rng.uniform(0.1, 0.4) * np.cos(3 * azimuth + rng.uniform(0, 2 * np.pi))
    ring = _coloured(field, knots * np.exp(-((radius - at) ** 2) / (2 * width**2)), 1 - core_flux, -0.2)
    return ring + _coloured(field, _sersic(2 * radius, 2.0), core_flux, 0.4)


def _trail(rng: Generator, field: Field) -> Light:
    """A galaxy, and a satellite that crossed the field during the exposure."""
    angle, offset, flux = rng.uniform(0, np.pi), rng.uniform(-0.5, 0.5), rng.uniform(0.2, 0.32)
    distance = field.x * np.sin(angle) - field.y * np.cos(angle) - offset
    line = np.exp(-(distance**2) / (2 * (0.7 * field.pixel) ** 2))
    return (1 - flux) * _lone_galaxy(rng, field) + _coloured(field, line, flux, 0.05)


def _drop_columns(rng: Generator, counts: Light) -> Light:
    """Neighbouring detector columns, near the middle, that read nothing: all of the sky is missing."""
    size = len(counts)
    width = max(1, round(size * rng.uniform(0.6, 1.6) / 32))
    first = int(size * rng.uniform(0.35, 0.65)) - width // 2
    dropped = counts.copy()
    dropped[:, first : first + width] = -SKY
    return dropped


DROPPED = "dropped columns"
NORMAL: Mapping[str, Callable[[Generator, Field], Light]] = {
    "elliptical": lambda rng, field: _elliptical(rng, field, _pose(rng, 0.4)),
    "spiral": lambda rng, field: _spiral(rng, field, _pose(rng, 0.4)),
}
ODD: Mapping[str, Callable[[Generator, Field], Light]] = {
    "merger": _merger,
    "ring": _ring,
    "satellite trail": _trail,
    DROPPED: _lone_galaxy,
}
