"""Public collections of images with a class each, read from the files that their authors give out: CIFAR, SVHN,
Fashion-MNIST, or any of the Hugging Face ``datasets`` library. Pickled forms are refused: reading them runs code."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray
from PIL import Image

from poleward.errors import SourceError

SIDE = 32
"""Pixels along either side of a CIFAR image."""

TRAIN, TEST = "train", "test"


@dataclass(frozen=True)
class Labelled:
    """Images with a class each.

    images : (n, height, width, bands)
    labels : (n,) whole numbers
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]


def read_cifar(folder: Path, part: str) -> Labelled:
    """CIFAR-10 or CIFAR-100: the binary version, or parquet files with the columns ``image`` and ``label``.

    part : "train" or "test"; binary files ``data_batch_1.bin`` to ``5`` and ``test_batch.bin``, or ``train.bin`` and
        ``test.bin`` of CIFAR-100, whose fine class counts; at any depth below the folder

    Errors
    ------
    SourceError when neither is there, or a file has another size than its records ask for.
    """
    parquet = sorted(folder.rglob(f"{part}*.parquet"))
    if parquet:
        return read_parquet(parquet)
    ten = sorted(folder.rglob("data_batch_*.bin" if part == TRAIN else "test_batch.bin"))
    hundred = sorted(folder.rglob(f"{part}.bin"))
    if not (ten or hundred):
        raise SourceError(
            f"{folder}: holds neither {part}.parquet nor the binary version of CIFAR for {part}; the pickled 'python"
            " version' is not read"
        )
    return _records(ten, 1) if ten else _records(hundred, 2)


def read_parquet(paths: list[Path]) -> Labelled:
    """Parquet files in the layout of Hugging Face: ``image`` {bytes, path} or bytes, and one column of whole numbers.

    The class column is ``label``, ``fine_label`` or else the first of whole numbers.
    """
    table = pa.concat_tables([pyarrow.parquet.read_table(path) for path in paths]).combine_chunks()
    numbers = [field.name for field in table.schema if pa.types.is_integer(field.type)]
    usual = [name for name in ("label", "fine_label", *numbers) if name in numbers]
    columns = [name for name in ("image", "img") if name in table.column_names]
    if not usual or not columns:
        raise SourceError(f"{paths[0]}: has columns {', '.join(table.column_names)}; needed are image and label")
    images = [_decoded(cell, paths[0]) for cell in table[columns[0]].to_pylist()]
    return Labelled(stacked(images, paths[0]), table[usual[0]].to_numpy().astype(np.int64))


def read_images(path: Path) -> NDArray[np.uint8]:
    """The column ``image`` of a parquet file, (n, height, width, 3); SourceError when it is not there."""
    if not path.is_file():
        raise SourceError(f"{path}: there is no such file; name the folder of the data sets with --data")
    table = pyarrow.parquet.read_table(path)
    if "image" not in table.column_names:
        raise SourceError(f"{path}: has columns {', '.join(table.column_names)}; needed is image")
    return stacked([_decoded(cell, path) for cell in table["image"].to_pylist()], path)


def read_svhn(folder: Path, part: str) -> Labelled:
    """SVHN, cropped digits: ``train_32x32.mat`` or ``test_32x32.mat``; the class of a zero is 0, not 10 as stored."""
    from scipy.io import loadmat

    path = _one(folder, f"{part}_32x32.mat")
    try:
        content = loadmat(path, variable_names=["X", "y"])
        images, labels = np.moveaxis(content["X"], -1, 0), content["y"].ravel().astype(np.int64)
    except (KeyError, ValueError, TypeError, NotImplementedError) as error:
        raise SourceError(f"{path}: is not a MATLAB file with X and y as SVHN has them ({error})") from error
    return Labelled(np.ascontiguousarray(images), labels % 10)


def read_fashion_mnist(folder: Path, part: str) -> Labelled:
    """Fashion-MNIST as ``fashion_mnist.npz`` with x_train, y_train, x_test and y_test."""
    path = _one(folder, "fashion_mnist.npz")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return Labelled(archive[f"x_{part}"][..., None], archive[f"y_{part}"].astype(np.int64))
    except (KeyError, ValueError) as error:
        raise SourceError(f"{path}: needs the arrays x_{part} and y_{part} ({error})") from error


def read_hugging_face(name: str, part: str) -> Labelled:
    """A collection of the ``datasets`` library, which fetches it unless it has it; all images of one size.

    The first column of images and the first of classes count.

    Errors
    ------
    SourceError when the library is not installed, or a column is missing.
    """
    try:
        import datasets  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise SourceError(f"{name}: needs the library datasets; run: pip install datasets") from error
    found = datasets.load_dataset(name, split=part)
    images = [column for column, kind in found.features.items() if type(kind).__name__ == "Image"]
    labels = [column for column, kind in found.features.items() if type(kind).__name__ == "ClassLabel"]
    if not images or not labels:
        raise SourceError(f"{name}: has columns {', '.join(found.features)}; needed are one of images, one of classes")
    pictures = [np.asarray(image.convert("RGB")) for image in found[images[0]]]
    return Labelled(stacked(pictures, Path(name)), np.asarray(found[labels[0]], np.int64))


def stacked(images: Sequence[NDArray[Any]], where_from: Path) -> NDArray[Any]:
    """Images as one array (n, height, width, bands); SourceError when there are none or their sizes differ."""
    shapes = {image.shape for image in images}
    if len(shapes) != 1:
        raise SourceError(f"{where_from}: images are of {len(shapes)} sizes; one is needed")
    return np.stack(images)


def _records(paths: list[Path], n_labels: int) -> Labelled:
    """Records of n_labels bytes, the last of which is the class, and 3 x 32 x 32 of pixels."""
    length = n_labels + 3 * SIDE * SIDE
    parts = [np.frombuffer(path.read_bytes(), np.uint8) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if len(part) == 0 or len(part) % length:
            raise SourceError(f"{path}: has {len(part):,} bytes; CIFAR records take {length:,} each")
    records = np.concatenate(parts).reshape(-1, length)
    images = records[:, n_labels:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return Labelled(np.ascontiguousarray(images), records[:, n_labels - 1].astype(np.int64))


def _decoded(cell: Any, path: Path) -> NDArray[np.uint8]:
    content = cell["bytes"] if isinstance(cell, dict) else cell
    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, TypeError) as error:
        raise SourceError(f"{path}: an image cannot be read ({error})") from error


def _one(folder: Path, name: str) -> Path:
    found = sorted(folder.rglob(name))
    if not found:
        raise SourceError(f"{folder}: holds no {name}; see docs/benchmarks.md for what goes where")
    return found[0]


LABELLED: dict[str, Callable[[Path, str], Labelled]] = {
    "fashion_mnist": read_fashion_mnist,
    "cifar10": read_cifar,
    "cifar100": read_cifar,
    "svhn": read_svhn,
}
"""Name, also of the folder below the data folder, -> reader of a part."""
