"""Collections that the papers of this field rank, as tasks: images to learn from, and labelled ones to judge.

Each lies in a folder of its own below one data folder, as its authors pack it; docs/benchmarks.md says what goes where.
"""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from poleward.data.labelled import TEST, TRAIN, Labelled, read_cifar, stacked
from poleward.data.task import Task
from poleward.errors import SourceError

PICTURE_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})

FREE_TILES = 600
"""Magnetic tiles without a defect to train on."""

ODD_FROM = 0.9
"""A catalogued galaxy is odd above this share of votes for "anything odd" (Class6.1)."""

CATALOGUE_SIDE, CATALOGUE_CROP = 64, 0.5
"""Catalogued galaxies: pixels along a side, and the middle part of a photograph that is kept."""

MOST_TRAINED, MOST_RANKED = 10_000, 2000
"""Of collections set against another one: images to train on, and to rank of either, by a seeded draw."""


def galaxy_zoo(folder: Path, part: str) -> Task:
    """Galaxies of ``labels.csv`` (id, odd, split) and ``images/``: ``train`` to learn from, ``part`` to judge."""
    rows = read_rows(folder / "labels.csv", ("id", "odd", "split"))
    chosen = {name: [row for row in rows if row["split"] == name] for name in (TRAIN, part)}
    images = {
        name: stacked([picture(folder / "images" / row["id"]) for row in some], folder) for name, some in chosen.items()
    }
    is_odd = np.array([row["odd"] == "1" for row in chosen[part]])
    return Task(images[TRAIN], images[part], is_odd, _names(is_odd))


def magnetic_tile(folder: Path, seed: int) -> Task:
    """Tiles of ``magnetic_tile128.npz`` (x, y, 0 = free): 600 free ones to learn from, the others and all defects."""
    path = folder / "magnetic_tile128.npz"
    require_file(path)
    with np.load(path, allow_pickle=False) as archive:
        images, labels = archive["x"][..., None], archive["y"]
    free = np.random.default_rng(seed).permutation(np.flatnonzero(labels == 0))
    n_train = min(FREE_TILES, len(free) // 2)
    ranked = np.concatenate([free[n_train:], np.flatnonzero(labels)])
    return Task(images[free[:n_train]], images[ranked], labels[ranked] > 0, _names(labels[ranked] > 0))


def mars(folder: Path, seed: int) -> Task:
    """Mastcam novelty (Kerner et al. 2020): ``train_typical``, ``test_typical`` and ``test_novel`` of .npy each.

    Images keep their own numbers, (64, 64, 6) in the published data; seed is not needed.
    """
    parts = {name: read_arrays(folder, name) for name in ("train_typical", "test_typical", "test_novel")}
    train, typical, novel = (images for images, _ in parts.values())
    is_odd = np.repeat([False, True], [len(typical), len(novel)])
    kinds = [*parts["test_typical"][1], *parts["test_novel"][1]]
    return Task(train, np.concatenate([typical, novel]), is_odd, kinds)


def galaxy_catalogue(folder: Path, seed: int) -> Task:
    """Galaxy Zoo as published: a catalogue with GalaxyID and Class6.1, and ``ID.jpg`` at any depth below the folder.

    Odd is Class6.1 above 0.9; all of these are judged, beside as many others by a seeded draw; 10,000 of the remaining
    ones at most are to learn from. Of each photograph the middle half, at 64 x 64 pixels.
    """
    catalogues = [path for path in sorted(folder.rglob("*.csv")) if "Class6.1" in path.read_text().split("\n", 1)[0]]
    if not catalogues:
        raise SourceError(f"{folder}: holds no .csv with a column Class6.1")
    votes = {row["GalaxyID"]: float(row["Class6.1"]) for row in read_rows(catalogues[0], ("GalaxyID", "Class6.1"))}
    paths = {path.stem: path for path in sorted(folder.rglob("*.jpg")) if path.stem in votes}
    odd = [name for name in paths if votes[name] > ODD_FROM]
    others = [name for name in paths if votes[name] <= ODD_FROM]
    drawn = [others[row] for row in np.random.default_rng(seed).permutation(len(others))]
    ranked = [*drawn[: len(odd)], *odd]
    trained = drawn[len(odd) :][:MOST_TRAINED]
    train, test = (stacked([_centre(paths[name]) for name in names], folder) for names in (trained, ranked))
    is_odd = np.array([votes[name] > ODD_FROM for name in ranked])
    return Task(train, test, is_odd, _names(is_odd))


def one_class(train: Labelled, test: Labelled, normal: int) -> Task:
    """One class to learn from; every test image to judge, odd when it is of another class.

    The protocol of Deep SVDD (Ruff et al. 2018). It is artificial: in no application is nearly everything an anomaly.
    """
    is_odd = test.labels != normal
    return Task(train.images[train.labels == normal], test.images, is_odd, [str(label) for label in test.labels])


def against(folder: Path, ours: Path, seed: int) -> Task:
    """CIFAR-10 to learn from; its test images to judge, and the pictures of another folder at its size, which are odd.

    Where one of the two went through a lossy codec and the other did not, a detector may see no more than the codec.
    """
    train, test = (read_cifar(ours, part).images for part in (TRAIN, TEST))
    rng = np.random.default_rng(seed)
    kept = drawn(test, MOST_RANKED, rng)
    paths = drawn(np.array(picture_paths(folder), dtype=object), MOST_RANKED, rng)
    others = stacked([picture(path, (test.shape[1], test.shape[2])) for path in paths], folder)
    is_odd = np.repeat([False, True], [len(kept), len(others)])
    return Task(drawn(train, MOST_TRAINED, rng), np.concatenate([kept, others]), is_odd, _names(is_odd))


def drawn(items: NDArray[Any], most: int, rng: np.random.Generator) -> NDArray[Any]:
    """At most so many of the items, drawn without replacement."""
    return np.asarray(items[rng.permutation(len(items))[:most]])


def picture_paths(folder: Path) -> list[Path]:
    """Pictures at any depth below a folder, in order; SourceError when there is none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_ENDINGS)
    if not found:
        raise SourceError(f"{folder}: holds no picture ({', '.join(sorted(PICTURE_ENDINGS))})")
    return found


def picture(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """A picture in RGB, (height, width, 3), brought to a size (height, width) by Lanczos."""
    try:
        with Image.open(path) as image:
            coloured = image.convert("RGB")
            return np.asarray(
                coloured if size is None else coloured.resize((size[1], size[0]), Image.Resampling.LANCZOS)
            )
    except OSError as error:
        raise SourceError(f"{path}: cannot be read as a picture ({error})") from error


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Lines of a catalogue by column; SourceError when it or a column is missing."""
    require_file(path)
    with path.open(newline="") as file:
        lines = csv.DictReader(file)
        missing = [name for name in columns if name not in (lines.fieldnames or ())]
        if missing:
            raise SourceError(f"{path}: has no column {missing[0]!r}")
        return list(lines)


def read_arrays(folder: Path, name: str) -> tuple[NDArray[Any], list[str]]:
    """Images of the .npy files below the folder of that name, and the names of the folders that they lie in."""
    within = [path for path in sorted(folder.rglob(name)) if path.is_dir()]
    paths = sorted(within[0].rglob("*.npy")) if within else []
    if not paths:
        raise SourceError(f"{folder}: holds no folder {name} with .npy files")
    return stacked([_array(path) for path in paths], folder), [path.parent.name for path in paths]


def require_file(path: Path) -> None:
    """SourceError unless there is such a file."""
    if not path.is_file():
        raise SourceError(f"{path}: there is no such file; name the folder of the data sets with --data")


def _array(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise SourceError(f"{path}: cannot be read as a NumPy array of numbers ({error})") from error
    return array


def _centre(path: Path) -> NDArray[np.uint8]:
    image = picture(path)
    margin = [round(side * (1 - CATALOGUE_CROP) / 2) for side in image.shape[:2]]
    middle = image[margin[0] : image.shape[0] - margin[0], margin[1] : image.shape[1] - margin[1]]
    small = Image.fromarray(middle).resize((CATALOGUE_SIDE, CATALOGUE_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(small)


def _names(is_odd: NDArray[np.bool_]) -> list[str]:
    return ["odd" if odd else "normal" for odd in is_odd]


TASKS: dict[str, tuple[str, Callable[[Path, int], Task]]] = {
    "galaxy_zoo": ("galaxy_zoo", lambda folder, seed: galaxy_zoo(folder, TEST)),
    "galaxy_zoo-dev": ("galaxy_zoo", lambda folder, seed: galaxy_zoo(folder, "dev")),
    "magnetic_tile": ("magnetic_tile", magnetic_tile),
    "mars": ("mars", mars),
    "galaxy_catalogue": ("galaxy_catalogue", galaxy_catalogue),
}
"""Name -> folder below the data folder, and (that folder, seed) -> task."""

OTHERS = ("dtd", "lsun_crop", "lsun_resize", "isun", "places365", "imagenette", "imagenet_near")
"""Folders of pictures that are set against CIFAR-10."""
