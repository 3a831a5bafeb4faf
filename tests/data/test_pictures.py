import gzip
import io
import signal
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from poleward.data.pictures import read_picture, resampled
from poleward.data.reading import Reading
from poleward.errors import SourceError

RAMP = np.arange(24, dtype=np.uint8).reshape(4, 6)
PLAIN = Reading()


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def as_npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def as_tiff(array: np.ndarray, **options: object) -> bytes:
    tifffile = pytest.importorskip("tifffile")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def as_fits(array: np.ndarray) -> bytes:
    fits = pytest.importorskip("astropy.io.fits")
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(array)]).writeto(buffer)
    return buffer.getvalue()


def colour_png_of_16_bits() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(7))) + chunk(b"IEND", b"")


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("mode", "bands"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("P", 3), ("1", 1)], ids=lambda value: str(value)
)
def test_a_png_keeps_its_bands(mode, bands):
    image = read_picture(encoded(Image.new(mode, (6, 4))), "a.png", PLAIN)
    assert image.shape == (4, 6, bands)
    assert image.dtype == np.uint8


def test_a_palette_becomes_its_colours():
    image = Image.new("P", (1, 1))
    image.putpalette([10, 20, 30])
    assert read_picture(encoded(image), "a.png", PLAIN).ravel().tolist() == [10, 20, 30]


def test_a_transparent_palette_becomes_colours_and_alpha():
    image = Image.new("P", (1, 1))
    image.putpalette([10, 20, 30])
    assert read_picture(encoded(image, transparency=0), "a.png", PLAIN).ravel().tolist() == [10, 20, 30, 0]


def test_a_grey_png_of_16_bits_keeps_its_depth():
    image = read_picture(encoded(Image.fromarray(RAMP.astype(np.uint16) * 2000)), "a.png", PLAIN)
    assert image.dtype == np.uint16
    assert image[..., 0].max() == 46_000


def test_a_colour_png_of_16_bits_is_refused_rather_than_cut_to_8():
    with pytest.raises(SourceError, match="save it as TIFF"):
        read_picture(colour_png_of_16_bits(), "a.png", PLAIN)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_lossy_image_is_read(kind):
    image = read_picture(encoded(Image.new("RGB", (6, 4), (200, 200, 200)), kind), "a", PLAIN)
    assert image.shape == (4, 6, 3)
    assert abs(int(image[2, 3, 0]) - 200) < 5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_tiff_keeps_its_depth(dtype, byteorder):
    content = as_tiff(RAMP.astype(dtype) * 3, byteorder=byteorder)
    image = read_picture(content, "a.tif", PLAIN)
    assert image.dtype == dtype
    assert image.dtype.isnative
    assert np.array_equal(image[..., 0], RAMP.astype(dtype) * 3)


def test_a_planar_tiff_of_seven_bands_is_stored_bands_last():
    planes = np.stack([RAMP + band for band in range(7)])
    content = as_tiff(planes, photometric="minisblack", planarconfig="separate")
    assert np.array_equal(read_picture(content, "a.tif", PLAIN), np.moveaxis(planes, 0, -1))


def test_a_tiff_of_interleaved_bands_is_taken_as_it_is():
    pixels = np.stack([RAMP + band for band in range(7)], axis=-1)
    content = as_tiff(pixels, photometric="minisblack", planarconfig="contig")
    assert np.array_equal(read_picture(content, "a.tif", PLAIN), pixels)


@pytest.mark.parametrize("shape", [(2, 16, 12), (16, 12, 2)])
def test_a_tiff_that_does_not_name_its_bands_axis_has_it_where_it_is_shorter(shape):
    assert read_picture(as_tiff(np.zeros(shape, np.uint16)), "a.tif", PLAIN).shape == (16, 12, 2)


def test_a_tiff_stack_of_two_extra_axes_is_refused():
    with pytest.raises(SourceError, match="one axis beside height and width"):
        read_picture(as_tiff(np.zeros((2, 5, 8, 8), np.uint8), metadata={"axes": "TZYX"}), "a.tif", PLAIN)


def test_a_tiff_with_a_broken_page_that_leads_back_to_the_first_is_read_once():
    content, first, second = bytearray(as_tiff(RAMP, metadata=None)), 8, 12
    for page, following in ((first, second), (second, first)):
        (n_tags,) = struct.unpack_from("<H", content, page)
        struct.pack_into("<I", content, page + 2 + 12 * n_tags, following)
    with at_most(seconds=10):
        assert np.array_equal(read_picture(bytes(content), "a.tif", PLAIN)[..., 0], RAMP)


@pytest.mark.parametrize("packed", [False, True])
def test_the_first_image_of_a_fits_file_is_native_and_bands_last(packed):
    cube = np.stack([RAMP, RAMP + 1]).astype(np.float32)
    content = as_fits(cube)
    image = read_picture(gzip.compress(content) if packed else content, "a.fits", PLAIN)
    assert image.dtype.isnative
    assert np.array_equal(image, np.moveaxis(cube, 0, -1))


def test_unsigned_fits_pixels_stay_unsigned():
    image = read_picture(as_fits(RAMP.astype(np.uint16) + 40_000), "a.fits", PLAIN)
    assert image.dtype == np.uint16
    assert image.min() == 40_000


def test_leading_fits_axes_of_length_one_are_dropped():
    assert read_picture(as_fits(np.zeros((1, 1, 4, 6), np.float32)), "a.fits", PLAIN).shape == (4, 6, 1)


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 5)])
def test_an_npy_file_is_one_image(shape):
    assert read_picture(as_npy(np.zeros(shape, ">u2")), "a.npy", PLAIN).shape == (*shape, 1)[:3]


def test_an_npz_file_of_several_arrays_needs_a_name():
    buffer = io.BytesIO()
    np.savez(buffer, sky=RAMP, mask=RAMP * 0)
    with pytest.raises(SourceError, match="sky, mask"):
        read_picture(buffer.getvalue(), "a.npz", PLAIN)
    assert np.array_equal(read_picture(buffer.getvalue(), "a.npz", Reading(array="sky"))[..., 0], RAMP)


@pytest.mark.parametrize("content", [b"", b"hello", encoded(Image.fromarray(RAMP))[:50], as_npy(RAMP)[:-3]])
def test_damaged_bytes_are_named(content):
    with pytest.raises(SourceError, match=r"^sky/a\.png: .*remove it"):
        read_picture(content, "sky/a.png", PLAIN)


@pytest.mark.parametrize("pack", [as_tiff, as_fits])
def test_a_truncated_scientific_image_is_named(pack):
    content = pack(np.zeros((64, 64), np.float32))
    with pytest.raises(SourceError, match=r"^a: cannot be read"):
        read_picture(content[: len(content) // 2], "a", PLAIN)


def test_a_decompression_bomb_is_an_unreadable_image(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
    with pytest.raises(SourceError, match="decompression bomb"):
        read_picture(encoded(Image.fromarray(RAMP)), "a.png", PLAIN)


def test_a_missing_reader_says_what_to_install(monkeypatch):
    content = as_tiff(RAMP)
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(SourceError, match=r'pip install "poleward\[data\]"'):
        read_picture(content, "a.tif", PLAIN)


def test_objects_are_never_unpickled():
    buffer = io.BytesIO()
    np.save(buffer, np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(SourceError, match="cannot be read"):
        read_picture(buffer.getvalue(), "a.npy", PLAIN)


def test_infinite_pixels_are_refused_and_nan_is_kept():
    with pytest.raises(SourceError, match=r"a\.npy: has infinite pixels"):
        read_picture(as_npy(np.array([[np.inf, 1.0]])), "a.npy", PLAIN)
    assert np.isnan(read_picture(as_npy(np.array([[np.nan, 1.0]])), "a.npy", PLAIN)[0, 0, 0])


def test_infinity_may_be_the_value_for_nodata():
    assert read_picture(as_npy(np.array([[np.inf, 1.0]])), "a.npy", Reading(nodata=np.inf)).shape == (1, 2, 1)


@pytest.mark.parametrize("array", [np.zeros((2, 2), complex), np.zeros(3), np.zeros((0, 4)), np.zeros((1, 2, 3, 4))])
def test_an_array_that_is_no_image_is_refused(array):
    with pytest.raises(SourceError, match="an image is"):
        read_picture(as_npy(array), "a.npy", PLAIN)


@given(
    value=st.integers(0, 2**16 - 1),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    bands=st.integers(1, 3),
)
def test_resampling_a_flat_image_leaves_it_flat(value, size, bands):
    image = resampled(np.full((5, 4, bands), value, np.uint16), size)
    assert image.shape == (*size, bands)
    assert (image == value).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_resampling_stays_within_the_depth(dtype):
    image = np.zeros((8, 8, 1), dtype)
    image[:, 4:] = 250
    larger = resampled(image, (16, 16))
    assert larger.dtype == dtype
    assert np.array_equal(larger[:, 0], np.zeros((16, 1)))
    assert (larger[:, 15] == 250).all()


def test_resampling_keeps_nodata_apart():
    image = np.full((8, 8, 1), 10, np.int16)
    image[:4] = -9999
    smaller = resampled(image, (4, 4), nodata=-9999.0)
    assert smaller[..., 0].tolist() == [[-9999] * 4] * 2 + [[10] * 4] * 2


def test_resampling_keeps_nan_apart():
    image = np.full((8, 8, 1), 10.0)
    image[:4] = np.nan
    smaller = resampled(image, (4, 4))
    assert np.isnan(smaller[:2]).all()
    assert np.allclose(smaller[2:], 10)
