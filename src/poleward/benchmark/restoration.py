"""Finding and repairing wrong pixels, beside what an autoencoder alone or a median filter makes of them.

Tiles, at half their resolution: pixel AUROC of the evidence and, at the default setting, the mean overlap with the
marked defects, trained on half of the tiles without any. Galaxies: squared errors, in units of the full range, on
pixels that were made wrong and on all others, before and after the repair. The quick form has one seed, fewer images
and a short training.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, label, median_filter

from poleward.benchmark.measuring import Interval
from poleward.benchmark.record import Figure
from poleward.detector.detector import Detector
from poleward.errors import SourceError
from poleward.metrics.ranking import auroc

TILES, GALAXIES = "magnetic_tile/magnetic_tile128.npz", "galaxy_zoo"
SIDE = 64
"""Pixels of a tile's side: half of what it has, a quarter of the work."""

MOST_TRAINED, MOST_GALAXIES, QUICK_IMAGES = 800, 200, 60
EPOCHS, QUICK_EPOCHS = 20, 3
SCORER = "reconstruction"
"""The cheapest: the scorer has no part in what is found or repaired."""

SMOOTHING = 2.0
"""Pixels, of the map of an autoencoder's residuals."""

OURS, PLAIN, VARIATIONAL, MEDIAN = "Poleward", "a plain autoencoder", "a plain VAE", "a 3 x 3 median filter"
OBJECTIVES = {PLAIN: "autoencoder", VARIATIONAL: "variational"}

Images = NDArray[np.uint8]
"""(n, height, width, bands)."""

Pixels = NDArray[np.bool_]


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    seeds: Sequence[int]
    epochs: int
    n_trained: int
    n_galaxies: int

    @classmethod
    def of(cls, seeds: Sequence[int], quick: bool) -> "Extent":
        """All, or as little as shows that it works."""
        if quick:
            return cls(seeds[:1], QUICK_EPOCHS, 2 * QUICK_IMAGES, QUICK_IMAGES // 3)
        return cls(seeds, EPOCHS, MOST_TRAINED, MOST_GALAXIES)


def figures(folder: Path, seeds: Sequence[int], say: Callable[[str], None], quick: bool = False) -> Iterator[Figure]:
    """Figures of the tiles and of the galaxies that lie in a folder."""
    extent = Extent.of(seeds, quick)
    yield from tile_figures(folder / TILES, extent, say)
    yield from galaxy_figures(folder / GALAXIES, extent, say)


def tile_figures(path: Path, extent: Extent, say: Callable[[str], None]) -> Iterator[Figure]:
    """How well defects are found, trained on half of the tiles without defects."""
    tiles, defects = read_tiles(path, SIDE)
    found: dict[str, dict[str, list[float]]] = {}
    for seed in extent.seeds:
        train, test = halves(np.asarray(~defects.any(axis=(1, 2))), seed, extent)
        for name, evidence, mask in tile_maps(tiles[train], tiles[test], seed, extent):
            turn = {"pixel AUROC": auroc(defects[test].ravel(), evidence.ravel().astype(np.float64))}
            if mask is not None:
                turn |= {"overlap": region_overlap(mask, defects[test]), "touched": mask[~defects[test]].mean()}
            for quantity, value in turn.items():
                found.setdefault(quantity, {}).setdefault(name, []).append(float(value))
            say(f"tiles, seed {seed}, {name}: " + ", ".join(f"{what} {value:.3f}" for what, value in turn.items()))
    words = {
        "pixel AUROC": "pixel AUROC of finding defects",
        "overlap": "mean share of each marked region that is masked",
        "touched": "share of the pixels outside of defects that is masked",
    }
    for quantity, by_name in found.items():
        for name, values in by_name.items():
            yield Figure(f"tiles, {words[quantity]}, {name}", Interval.of_mean(np.array(values)))


def tile_maps(
    train: Images, test: Images, seed: int, extent: Extent
) -> Iterator[tuple[str, NDArray[np.floating[Any]], Pixels | None]]:
    """Each contender with its evidence of each pixel, and the mask where there is one."""
    ours = repairing(train, seed, extent).correct(test)
    yield OURS, ours.probability[..., 0], ours.mask[..., 0]
    for name, objective in OBJECTIVES.items():
        residual = np.abs(overwritten(objective, train, test, seed, extent) - test.astype(float)).mean(axis=-1)
        yield name, gaussian_filter(residual, (0, SMOOTHING, SMOOTHING)), None


def galaxy_figures(folder: Path, extent: Extent, say: Callable[[str], None]) -> Iterator[Figure]:
    """What is left of injected errors, and what is done to the other pixels."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for seed in extent.seeds:
        train = read_galaxies(folder, "train", extent.n_trained, seed)
        clean = read_galaxies(folder, "test", extent.n_galaxies, seed)
        repairs = repairers(train, seed, extent)
        say(f"galaxies, seed {seed}: {len(train)} images learned from")
        for number, (fault, inject) in enumerate(FAULTS.items()):
            dirty, wrong = inject(clean, np.random.default_rng([seed, number]))
            for name, repair in repairs.items():
                after = repair(dirty)
                pair = (error(after, clean, wrong), error(after, clean, ~wrong))
                found.setdefault((fault, name), []).append(pair)
                say(f"galaxies, seed {seed}, {fault}, {name}: {pair[0]:.5f}, elsewhere {pair[1]:.6f}")
    for (fault, name), pairs in found.items():
        for values, where in zip(np.array(pairs).T, ("on the wrong pixels", "on all others"), strict=True):
            yield Figure(f"galaxies, {fault}, mean squared error {where}, {name}", Interval.of_mean(values))


Repair = Callable[[Images], NDArray[Any]]


def repairers(train: Images, seed: int, extent: Extent) -> Mapping[str, Repair]:
    """Everything that repairs images, trained where it has to be."""
    ours = repairing(train, seed, extent)
    overwriting = {
        name: trained(objective, train, seed, extent).reconstructed for name, objective in OBJECTIVES.items()
    }
    return {
        "nothing": lambda dirty: dirty,
        OURS: lambda dirty: ours.correct(dirty).data,
        **overwriting,
        MEDIAN: lambda dirty: median_filter(dirty, (1, 3, 3, 1)),
    }


def repairing(train: Images, seed: int, extent: Extent) -> Detector:
    """A detector that has learned to repair."""
    return Detector(scorer=SCORER, epochs=extent.epochs, correction=True, random_state=seed).fit(train)


@dataclass(frozen=True)
class Trained:
    """An autoencoder that overwrites whole images with what it expects."""

    detector: Detector

    def reconstructed(self, images: Images) -> Images:
        """The expected images."""
        detector: Any = self.detector
        return np.asarray(detector.model_.restore(detector.model_.reconstructions(images)[1]))


def trained(objective: str, train: Images, seed: int, extent: Extent) -> Trained:
    """An autoencoder trained as long as ours."""
    return Trained(Detector(objective, SCORER, epochs=extent.epochs, random_state=seed).fit(train))


def overwritten(objective: str, train: Images, test: Images, seed: int, extent: Extent) -> Images:
    """The expected images of a newly trained autoencoder."""
    return trained(objective, train, seed, extent).reconstructed(test)


def error(after: NDArray[Any], clean: Images, where: Pixels) -> float:
    """Mean squared error on some cells, in units of the full range."""
    return float(np.square((after.astype(float) - clean)[where] / 255).mean())


def region_overlap(mask: Pixels, defects: Pixels) -> float:
    """Mean over connected defects of the share that is masked (the per-region overlap of Bergmann et al. 2021).

    >>> region_overlap(np.array([[[True, False, True, True]]]), np.array([[[True, False, True, True]]]))
    1.0
    """
    shares = []
    for found, marked in zip(mask, defects, strict=True):
        regions, n = label(marked)
        shares += [float(found[regions == number].mean()) for number in range(1, n + 1)]
    return float(np.mean(shares))


def halves(normal: Pixels, seed: int, extent: Extent) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Half of the normal tiles to train on; the other half and all defects to judge."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.flatnonzero(normal))
    odd = np.flatnonzero(~normal)
    train, rest = order[: len(order) // 2][: extent.n_trained], order[len(order) // 2 :]
    if extent.n_trained < len(order) // 2:
        rest, odd = rest[: extent.n_galaxies], rng.permutation(odd)[: extent.n_galaxies]
    return train, np.concatenate([rest, odd])


def read_tiles(path: Path, side: int) -> tuple[Images, Pixels]:
    """Tiles (n, side, side, 1) and their defects (n, side, side); a smaller pixel is wrong where half of it was."""
    if not path.is_file():
        raise SourceError(f"{path}: there is no such file; name the folder that holds magnetic_tile with --data")
    with np.load(path, allow_pickle=False) as archive:
        images = archive["x"]
        bits = np.unpackbits(archive["mask_bits"], axis=1)[:, : images[0].size].reshape(images.shape)
    n, factor = len(images), images.shape[1] // side
    blocks = (n, side, factor, side, factor)
    small = np.rint(images.reshape(blocks).mean(axis=(2, 4))).astype(np.uint8)
    return small[..., None], bits.reshape(blocks).mean(axis=(2, 4)) >= 0.5


def read_galaxies(folder: Path, split: str, n: int, seed: int) -> Images:
    """Some of the normal galaxies of a split."""
    labels = folder / "labels.csv"
    if not labels.is_file():
        raise SourceError(f"{labels}: there is no such file; name the folder that holds galaxy_zoo with --data")
    with labels.open(newline="") as file:
        names = [row["id"] for row in csv.DictReader(file) if row["split"] == split and row["odd"] == "0"]
    chosen = np.random.default_rng(seed).permutation(names)[:n]
    return np.stack([np.asarray(Image.open(folder / "images" / name).convert("RGB")) for name in chosen])


def stuck_pixels(images: Images, rng: np.random.Generator) -> tuple[Images, Pixels]:
    """Ten single cells of each image that read nothing or everything."""
    dirty, wrong = images.copy(), np.zeros(images.shape, bool)
    for image, cells in zip(dirty, wrong, strict=True):
        places = tuple(rng.integers(side, size=10) for side in image.shape)
        image[places] = rng.choice(np.array([0, 255], np.uint8), 10)
        cells[places] = True
    return dirty, wrong


def dropped_columns(images: Images, rng: np.random.Generator) -> tuple[Images, Pixels]:
    """One to three neighbouring columns of each image that read nothing."""
    dirty, wrong = images.copy(), np.zeros(images.shape, bool)
    width = images.shape[2]
    for image, cells in zip(dirty, wrong, strict=True):
        first, count = int(rng.integers(width // 4, 3 * width // 4)), int(rng.integers(1, 4))
        image[:, first : first + count] = 0
        cells[:, first : first + count] = True
    return dirty, wrong


def trails(images: Images, rng: np.random.Generator) -> tuple[Images, Pixels]:
    """A bright straight line across each image, wrong where it adds more than 4 levels of 255."""
    dirty, wrong = images.copy(), np.zeros(images.shape, bool)
    height, width = images.shape[1:3]
    y, x = np.mgrid[:height, :width]
    for image, cells in zip(dirty, wrong, strict=True):
        angle, at = rng.uniform(0, np.pi), rng.uniform(0.25, 0.75, 2) * (height, width)
        distance = (x - at[1]) * np.sin(angle) - (y - at[0]) * np.cos(angle)
        light = rng.uniform(60, 180) * np.exp(-np.square(distance) / 2)
        cells[...] = (light > 4)[..., None]
        image[...] = np.clip(image + np.rint(light)[..., None], 0, 255)
    return dirty, wrong


def bad_bands(images: Images, rng: np.random.Generator) -> tuple[Images, Pixels]:
    """One band of each image that holds noise, or one level."""
    dirty, wrong = images.copy(), np.zeros(images.shape, bool)
    for image, cells in zip(dirty, wrong, strict=True):
        band, level = int(rng.integers(image.shape[2])), rng.uniform(20, 200)
        noise = rng.uniform(0, 255, image.shape[:2]) if rng.random() < 0.5 else np.full(image.shape[:2], level)
        image[..., band], cells[..., band] = np.rint(noise), True
    return dirty, wrong


FAULTS: Mapping[str, Callable[[Images, np.random.Generator], tuple[Images, Pixels]]] = {
    "stuck pixels": stuck_pixels,
    "dropped columns": dropped_columns,
    "trails": trails,
    "single bad bands": bad_bands,
}
