"""The bytes of one image -> (height, width, bands) in the file's own depth; grey is one band, alpha is a band."""

import gzip
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from poleward.data.reading import BYTES_PER_VALUE, Reading
from poleward.errors import SizeError, SourceError

if TYPE_CHECKING:
    import tifffile

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".fits", ".fit", ".fits.gz", ".npy", ".npz")
BYTES_AT_ONCE = 1 << 20
_ENDING = re.compile(f"({'|'.join(map(re.escape, SUFFIXES))})$", re.IGNORECASE)


def picture_suffix(name: str) -> str:
    """Return the ending that makes a file an image, or the empty string.

    >>> picture_suffix("sky/M31.FITS.gz"), picture_suffix("labels.csv")
    ('.FITS.gz', '')
    """
    ending = _ENDING.search(name)
    return ending[0] if ending else ""


def read_picture(content: bytes, name: str, reading: Reading) -> NDArray[Any]:
    """Decode one image file.

    content : the file's bytes; they, not the name, say which format it is
    name : how errors call it
    returns : (height, width, bands) in the file's own dtype, native byte order

    Raises SourceError for damaged or unknown bytes and for infinite pixels, and SizeError, before anything is decoded,
    for an image that says it is larger than the reading allows.
    """
    with _damage_named(name), quiet():
        image = _decoder(content)(content, reading)
    return prepared(image, name, reading)


def prepared(image: NDArray[Any], name: str, reading: Reading) -> NDArray[Any]:
    """Check one decoded image, (height, width) or (height, width, bands), and resample it if asked."""
    if image.dtype.kind not in "buif" or image.ndim not in (2, 3) or image.size == 0:
        raise SourceError(
            f"{name}: holds {image.dtype} numbers of shape {image.shape}; "
            "an image is (height, width) or (height, width, bands) of integers or floats"
        )
    image = _native(image.reshape(*image.shape[:2], -1))
    if image.dtype.kind == "f" and _has_infinity(image, reading.nodata):
        raise SourceError(f"{name}: has infinite pixels; write them as NaN, or name their value with --nodata")
    return image if reading.resize is None else resampled(image, reading.resize, reading.nodata)


def resampled(image: NDArray[Any], size: tuple[int, int], nodata: float | None = None) -> NDArray[Any]:
    """Resample each band on its own (Lanczos, in float32) and return to the image's dtype.

    image : (height, width, bands)
    size : (height, width) of the result
    nodata : pixels of this value, and NaN, do not leak into their neighbours; a pixel more than half made of
        them becomes one of them

    >>> resampled(np.full((4, 4, 1), 7, np.uint16), (2, 3))[..., 0].tolist()
    [[7, 7, 7], [7, 7, 7]]
    """
    if image.shape[:2] == size:
        return image
    bands = [_resampled_band(image[..., band], size, nodata) for band in range(image.shape[2])]
    return np.stack(bands, axis=-1)


def bands_last(image: NDArray[Any], first: int = 0) -> NDArray[Any]:
    """Move the bands axis last: it is the smaller of axis ``first`` and the last one, in a tie the last one.

    >>> bands_last(np.zeros((3, 32, 32))).shape
    (32, 32, 3)
    """
    return np.moveaxis(image, first, -1) if image.shape[first] < image.shape[-1] else image


_SILENT = logging.NullHandler()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what libraries say of a file to themselves: it is decoded, or one line says why not."""
    logging.getLogger("tifffile").addHandler(_SILENT)  # else Python prints to standard error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _damage_named(name: str) -> Iterator[None]:
    try:
        yield
    except SizeError as fault:
        raise SizeError(f"{name}: {fault}") from fault
    except Image.DecompressionBombError as fault:
        raise SizeError(f"{name}: {fault}") from fault
    except UnidentifiedImageError as fault:
        raise SourceError(f"{name}: is not a PNG, JPEG, WebP, TIFF, FITS or NumPy image; remove it{_SKIP}") from fault
    except ImportError as fault:
        raise SourceError(f'{name}: reading it needs {fault.name}; run: pip install "poleward[data]"') from fault
    except Exception as fault:  # decoders raise almost anything for damaged bytes
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise SourceError(f"{name}: cannot be read ({reason}); remove it{_SKIP}") from fault


_SKIP = ", or leave such images out with --on-error skip"


def _decoder(content: bytes) -> "Callable[[bytes, Reading], NDArray[Any]]":
    for magic, decoder in _DECODERS.items():
        if content.startswith(magic):
            return decoder
    return _pillow


def _pillow(content: bytes, reading: Reading) -> NDArray[Any]:
    with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as image:
        if image.format == "PNG" and image.mode in ("RGB", "RGBA") and image.tile[0].args == f"{image.mode};16B":
            raise ValueError("a colour PNG of 16 bits would lose 8 of them; save it as TIFF")
        reading.allow((image.height, image.width, len(image.getbands())))
        return np.asarray(_unpacked(image))


def _unpacked(image: Image.Image) -> Image.Image:
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    return image.convert("L") if image.mode == "1" else image


def _tiff(content: bytes, reading: Reading) -> NDArray[Any]:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(content)) as file:
        series = tiff_series(file)[0]
        reading.allow(series.shape)
        return from_axes(series.asarray(), series.axes)


def tiff_series(file: "tifffile.TiffFile") -> "list[tifffile.TiffPageSeries]":
    """Return the images of a TIFF, whose pages are counted first: that ends where they lead back to an earlier one."""
    len(file.pages)
    return file.series


def from_axes(image: NDArray[Any], axes: str) -> NDArray[Any]:
    """A TIFF series with these axes as (height, width) or (height, width, bands), a view of the same pixels."""
    long = [axis for axis, size in enumerate(image.shape) if axes[axis] in "YX" or size > 1]
    image, letters = image.reshape([image.shape[axis] for axis in long]), "".join(axes[axis] for axis in long)
    others = [axis for axis, letter in enumerate(letters) if letter not in "YX"]
    if len(others) > 1:
        raise ValueError(f"it has axes {axes} of shape {image.shape}; one axis beside height and width is accepted")
    if "Q" in letters:  # written without saying what the axis is
        return bands_last(image)
    return np.moveaxis(image, others[0], -1) if others else image


def _fits(content: bytes, reading: Reading) -> NDArray[Any]:
    from astropy.io import fits

    with fits.open(io.BytesIO(content), memmap=False) as units:
        unit = next((unit for unit in units if unit.is_image and unit.header["NAXIS"] >= 2), None)
        if unit is None:
            raise ValueError("no unit of this FITS file holds an image")
        reading.allow(unit.shape)
        return from_cube(np.asarray(unit.data))


def from_cube(image: NDArray[Any]) -> NDArray[Any]:
    """A FITS image (..., bands, height, width) with its bands last, a view of the same pixels."""
    while image.ndim > 3 and len(image) == 1:  # radio cubes lead with axes of length one
        image = image[0]
    return np.moveaxis(image, 0, -1) if image.ndim == 3 else image


def _npy(content: bytes, reading: Reading) -> NDArray[Any]:
    shape, dtype = array_header(io.BytesIO(content))
    reading.allow(shape, dtype.itemsize)
    array: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return array


def array_header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that a .npy file says it has, read from its first bytes."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def _npz(content: bytes, reading: Reading) -> NDArray[Any]:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        names = archive.files if reading.array is None else [reading.array]
        if len(names) != 1 or names[0] not in archive.files:
            raise ValueError(f"it holds the arrays {', '.join(archive.files)}; name one with --array")
        with archive.zip.open(f"{names[0]}.npy") as file:
            shape, dtype = array_header(file)
        reading.allow(shape, dtype.itemsize)
        array: NDArray[Any] = archive[names[0]]
    return array


def _gzipped(content: bytes, reading: Reading) -> NDArray[Any]:
    n_bytes, pieces = 0, []
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        while piece := file.read(BYTES_AT_ONCE):
            pieces.append(piece)
            n_bytes += len(piece)
            reading.allow((n_bytes // BYTES_PER_VALUE,))
    return _fits(b"".join(pieces), reading)


_DECODERS: "dict[bytes, Callable[[bytes, Reading], NDArray[Any]]]" = {
    b"SIMPLE": _fits,
    b"\x1f\x8b": _gzipped,
    b"\x93NUMPY": _npy,
    b"PK\x03\x04": _npz,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
    b"II+\0": _tiff,
    b"MM\0+": _tiff,
}


def _native(image: NDArray[Any]) -> NDArray[Any]:
    dtype = np.dtype(np.uint8) if image.dtype.kind == "b" else image.dtype.newbyteorder("=")
    return image.astype(dtype, copy=False)


def _has_infinity(image: NDArray[Any], nodata: float | None) -> bool:
    infinite = np.isinf(image)
    if nodata is not None:
        infinite &= image != nodata
    return bool(infinite.any())


def _resampled_band(band: NDArray[Any], size: tuple[int, int], nodata: float | None) -> NDArray[Any]:
    hole = np.isnan(band) if band.dtype.kind == "f" else np.zeros(band.shape, dtype=bool)
    if nodata is not None:
        hole |= band == nodata
    if not hole.any():
        return _rounded(_lanczos(band, size), band.dtype)
    known = band[~hole]
    filled = np.where(hole, known.mean() if known.size else 0, band)
    lost = _lanczos(hole, size) > 0.5
    gap = np.nan if nodata is None else nodata
    return np.where(lost, np.asarray(gap, band.dtype), _rounded(_lanczos(filled, size), band.dtype))


def _lanczos(band: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    image = Image.fromarray(band.astype(np.float32))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.LANCZOS))


def _rounded(band: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "f":
        return band.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(band.astype(np.float64)), limits.min, limits.max).astype(dtype)
