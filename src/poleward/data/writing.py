"""Files that Poleward writes for people: samples and pages, each whole or not at all."""

import io
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray
from PIL import Image

from poleward.data.placement import placed, writing
from poleward.errors import SettingError

PICTURE_BANDS = (1, 3, 4)
"""Band counts that a PNG holds."""


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all; OutputError where that is not possible."""
    _write_whole(path, lambda partial: partial.write_bytes(text.encode()))


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an .npz, whole or not at all; OutputError where that is not possible."""
    _write_whole(
        path, lambda partial: _saved(partial, lambda file: np.savez_compressed(file, **dict[str, Any](arrays)))
    )


def write_samples(path: Path, data: NDArray[Any] | pa.Table) -> None:
    """Write rows or images in the form that the path's ending says.

    A table goes to .csv or .parquet. Images (n, height, width, bands) go to .npy, to .npz (array ``X``), or, without
    an ending, to a folder: one PNG each for 8-bit images of 1, 3 or 4 bands, else one .npy each.

    Errors
    ------
    SettingError for another ending; OutputError where writing is not possible.
    """
    kind = "table" if isinstance(data, pa.Table) else "images"
    writers: dict[tuple[str, str], Callable[[Path], Any]] = {
        ("table", ".csv"): lambda partial: pyarrow.csv.write_csv(data, partial),
        ("table", ".parquet"): lambda partial: pyarrow.parquet.write_table(data, partial),
        ("images", ".npy"): lambda partial: _saved(partial, lambda file: np.save(file, data)),
        ("images", ".npz"): lambda partial: _saved(partial, lambda file: np.savez_compressed(file, X=data)),
        ("images", ""): lambda partial: _write_folder(partial, data),
    }
    if (kind, path.suffix.lower()) not in writers:
        accepted = [ending or "no ending, for a folder" for form, ending in writers if form == kind]
        raise SettingError(f"{path}: a model of {kind} writes to {', '.join(accepted)}")
    _write_whole(path, writers[kind, path.suffix.lower()])


def _write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    with placed(path) as part, writing(path):
        write(part)


def _saved(path: Path, save: Callable[[io.BytesIO], Any]) -> None:
    buffer = io.BytesIO()  # np.save into a file loses the end of an array in silence when the disc is full
    save(buffer)
    path.write_bytes(buffer.getbuffer())


def _write_folder(folder: Path, images: NDArray[Any]) -> None:
    folder.mkdir()
    digits = len(str(len(images) - 1))
    as_pictures = images.dtype == np.uint8 and images.shape[-1] in PICTURE_BANDS
    for number, image in enumerate(images):
        path = folder / f"{number:0{digits}d}{'.png' if as_pictures else '.npy'}"
        if as_pictures:
            Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)
        else:
            _saved(path, partial(np.save, arr=image))
