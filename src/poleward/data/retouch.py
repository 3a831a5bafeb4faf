"""Images written again with some pixels changed and every other one bit by bit as it was: a file, a folder, a stack."""

import gzip
import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import Shaped
from numpy.typing import NDArray
from PIL import Image

from poleward.data import arrays
from poleward.data.arrays import ArrayPictures, open_arrays
from poleward.data.copies import ArrayFile, check_ending
from poleward.data.pictures import from_axes, from_cube, picture_suffix, quiet, read_picture, tiff_series
from poleward.data.placement import placed, require_another, writing
from poleward.data.reading import Reading
from poleward.errors import OutputError, SourceError

KEPT = ("icc_profile", "exif", "dpi")
"""What a PNG or WebP tells beside its pixels that is written again."""

GEOGRAPHIC_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113)
"""TIFF tags that say where an image lies and which value means no measurement; written again."""


def retouched(
    content: bytes, image: Shaped[np.ndarray, "height width bands"], name: str, reading: Reading
) -> tuple[bytes, str]:
    """Write an image file with new pixels.

    A PNG, WebP, TIFF, FITS or NumPy file stays what it is. A JPEG becomes a PNG, as all its pixels would change.

    content : the file's bytes
    image : as ``read_picture`` gives it, in the same dtype
    name : how errors call it

    Returns
    -------
    The bytes, and the ending of the new format, empty where it is the old one

    Errors
    ------
    OutputError : the format cannot hold exactly these pixels
    """
    with _refusal_named(name), quiet():
        written, ending = _writer(content)(content, image)
        again = read_picture(written, name, reading)
        if again.dtype != image.dtype or not np.array_equal(again, image, equal_nan=image.dtype.kind == "f"):
            raise ValueError("its format would change other pixels")
    return written, ending


class PictureCopy(Protocol):
    """Copies of images on their way; ``renamed`` lists those whose format had to change, by their new name."""

    renamed: list[str]

    def write(
        self,
        start: int,
        ids: Sequence[str],
        images: Shaped[np.ndarray, "n height width bands"],
        changed: Shaped[np.ndarray, "n height width bands"],
    ) -> None:
        """Copy consecutive images, the first of which has the number ``start``, with some pixels changed."""
        ...


@contextmanager
def copied_images(source: Path, out: Path, reading: Reading) -> Iterator[PictureCopy]:
    """Copy a folder, .npy or .npz of images while changing pixels; the copy is put in place when the block ends well.

    Errors
    ------
    SourceError : the source is something else
    SettingError : ``out`` has another ending than the .npy or .npz
    OutputError : ``out`` is or lies in the source, exists as a folder, or cannot be written
    """
    require_another(out, source)
    if source.is_dir():
        with placed(out) as part:
            yield _FolderCopy(source, part, out, reading)
        return
    if source.suffix.lower() not in arrays.SUFFIXES:
        raise SourceError(f"{source}: images are corrected in a folder, an npy or an npz file; write them to one")
    check_ending(source, out)
    stack = open_arrays(source, reading)
    if not isinstance(stack, ArrayPictures):
        raise SourceError(f"{source}: holds rows of a table, no images")
    with placed(out) as part:
        file = ArrayFile(source, part, out, reading.array, stack.stack)
        try:
            yield _StackCopy(file)
            file.finish()
        finally:
            file.close()


class _FolderCopy:
    def __init__(self, source: Path, part: Path, out: Path, reading: Reading) -> None:
        self.source, self.part, self.out, self.reading = source, part, out, reading
        self.renamed: list[str] = []
        with writing(out):
            part.mkdir()

    def write(self, start: int, ids: Sequence[str], images: NDArray[Any], changed: NDArray[np.bool_]) -> None:
        for name, image, pixels in zip(ids, images, changed, strict=True):
            with writing(self.out):
                (self.part / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.source / name, self.part / name)
            if pixels.any():
                self._rewrite(name, image)

    def _rewrite(self, name: str, image: NDArray[Any]) -> None:
        copy = self.part / name
        content, suffix = retouched(copy.read_bytes(), image, str(self.source / name), self.reading)
        with writing(self.out):
            copy.write_bytes(content)
            if suffix and picture_suffix(name).lower() != suffix:
                self.renamed.append(self._free_name(name, suffix))
                copy.rename(self.part / self.renamed[-1])

    def _free_name(self, name: str, suffix: str) -> str:
        other = name.removesuffix(picture_suffix(name)) + suffix
        return f"{name}{suffix}" if (self.source / other).exists() else other


class _StackCopy:
    def __init__(self, file: ArrayFile) -> None:
        self.file = file
        self.renamed: list[str] = []
        places = np.arange(len(file.shape))
        self.axes = places if len(places) == 3 or file.shape[1] >= file.shape[3] else [0, 3, 1, 2]

    def write(self, start: int, ids: Sequence[str], images: NDArray[Any], changed: NDArray[np.bool_]) -> None:
        for place in np.argwhere(changed):
            value = images[tuple(place)]
            place[0] += start
            self.file.put(place[self.axes].tolist(), value)


@contextmanager
def _refusal_named(name: str) -> Iterator[None]:
    try:
        yield
    except ImportError as fault:
        raise OutputError(f'{name}: writing it needs {fault.name}; run: pip install "poleward[data]"') from fault
    except Exception as fault:  # encoders raise almost anything for pixels that they cannot hold
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise OutputError(f"{name}: cannot be written again ({reason}); convert the images to TIFF or npy") from fault


def _writer(content: bytes) -> Callable[[bytes, NDArray[Any]], tuple[bytes, str]]:
    return next((writer for magic, writer in _WRITERS.items() if content.startswith(magic)), _pillow)


def _pillow(content: bytes, image: NDArray[Any]) -> tuple[bytes, str]:
    with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as before:
        if getattr(before, "n_frames", 1) > 1:
            raise ValueError("it holds several frames")
        if before.mode == "CMYK":
            raise ValueError("its colours are cyan, magenta, yellow and black")
        kept = {what: before.info[what] for what in KEPT if what in before.info}
        was, kind = before.format, "WEBP" if before.format == "WEBP" else "PNG"
    buffer = io.BytesIO()
    lossless = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, kind, **lossless, **kept)
    return buffer.getvalue(), ".png" if was == "JPEG" else ""


def _tiff(content: bytes, image: NDArray[Any]) -> tuple[bytes, str]:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(content)) as file:
        series, page = tiff_series(file)[0], file.pages.first
        pixels = np.array(series.asarray(), order="C")
        from_axes(pixels, series.axes).reshape(image.shape)[...] = image
        if series.dataoffset is not None:
            stored = pixels.astype(pixels.dtype.newbyteorder(file.byteorder)).tobytes()
            return content[: series.dataoffset] + stored + content[series.dataoffset + len(stored) :], ""
        if len(file.series) > 1:
            raise ValueError("it holds several images")
        where = [page.tags[code] for code in GEOGRAPHIC_TAGS if code in page.tags]
        options: dict[str, Any] = {
            "byteorder": file.byteorder,
            "photometric": page.photometric,
            "planarconfig": page.planarconfig if page.samplesperpixel > 1 else None,
            "extratags": [(tag.code, tag.dtype, tag.count, tag.value, True) for tag in where],
            "metadata": {"axes": series.axes} if file.is_shaped else None,
        }
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, compression="zlib", **options)
    return buffer.getvalue(), ""


def _fits(content: bytes, image: NDArray[Any]) -> tuple[bytes, str]:
    from astropy.io import fits

    buffer = io.BytesIO()
    with fits.open(io.BytesIO(content), memmap=False) as units:
        unit = next(unit for unit in units if unit.is_image and unit.header["NAXIS"] >= 2)
        from_cube(unit.data).reshape(image.shape)[...] = image
        units.writeto(buffer, output_verify="ignore")
    return buffer.getvalue(), ""


def _gzipped(content: bytes, image: NDArray[Any]) -> tuple[bytes, str]:
    return gzip.compress(_fits(gzip.decompress(content), image)[0], mtime=0), ""


def _npy(content: bytes, image: NDArray[Any]) -> tuple[bytes, str]:
    array = np.load(io.BytesIO(content), allow_pickle=False)
    array.reshape(image.shape)[...] = image
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue(), ""


_WRITERS: dict[bytes, Callable[[bytes, NDArray[Any]], tuple[bytes, str]]] = {
    b"SIMPLE": _fits,
    b"\x1f\x8b": _gzipped,
    b"\x93NUMPY": _npy,
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), _tiff),
}
