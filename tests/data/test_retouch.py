import gzip
import io

import numpy as np
import pytest
from PIL import Image

from poleward.data.pictures import read_picture
from poleward.data.reading import Reading
from poleward.data.retouch import retouched
from poleward.errors import OutputError

PLAIN = Reading()
RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (6, 5, 4), dtype=np.uint8)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pillow(mode, kind="PNG", **options):
    picture = Image.fromarray(BYTES).convert("RGB" if mode == "P" else mode)
    return encoded(picture.convert(mode), kind, **options)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def tiff(array, **options):
    tifffile = pytest.importorskip("tifffile")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def fits(array, scaled=False):
    units = pytest.importorskip("astropy.io.fits")
    unit = units.ImageHDU(array)
    if scaled:
        unit.scale("int16", bscale=0.5, bzero=7)
    unit.header["OBJECT"] = "M31"
    buffer = io.BytesIO()
    units.HDUList([units.PrimaryHDU(), unit]).writeto(buffer)
    return buffer.getvalue()


NUMBERS = RNG.normal(size=(3, 6, 5)).astype(np.float32)
DEEP = RNG.integers(0, 60_000, (6, 5), dtype=np.uint16)
FILES = {
    **{f"png {mode}": lambda mode=mode: pillow(mode) for mode in ("L", "LA", "RGB", "RGBA", "P", "1")},
    "png 16": lambda: encoded(Image.fromarray(DEEP), "PNG"),
    "webp": lambda: pillow("RGB", "WEBP", quality=50),
    "webp alpha": lambda: pillow("RGBA", "WEBP", lossless=True, exact=True),
    "npy": lambda: npy(NUMBERS.transpose(1, 2, 0)),
    "npy flat": lambda: npy(np.asfortranarray(DEEP.astype(">u2"))),
    "npy flags": lambda: npy(DEEP > 30_000),
    "tiff": lambda: tiff(DEEP),
    "tiff big": lambda: tiff(NUMBERS, byteorder=">", photometric="minisblack", metadata={"axes": "CYX"}),
    "tiff colours": lambda: tiff(BYTES[..., :3], photometric="rgb"),
    "tiff packed": lambda: tiff(DEEP, compression="zlib", predictor=True),
    "tiff packed colours": lambda: tiff(BYTES[..., :3], photometric="rgb", compression="zlib", metadata=None),
    "tiff packed bands": lambda: tiff(NUMBERS, compression="zlib", photometric="minisblack", planarconfig="separate"),
    "tiff pages": lambda: tiff(NUMBERS, compression="zlib", photometric="minisblack"),
    "fits": lambda: fits(NUMBERS),
    "fits unsigned": lambda: fits(DEEP),
    "fits scaled": lambda: fits(NUMBERS * 100, scaled=True),
    "fits gzipped": lambda: gzip.compress(fits(NUMBERS)),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_changed_pixels_change_and_no_other(kind):
    content = FILES[kind]()
    before = read_picture(content, kind, PLAIN)
    wanted = before.copy()
    wanted[2:4, 1] = before.max(axis=(0, 1)) - before[2:4, 1]
    written, ending = retouched(content, wanted, kind, PLAIN)
    after = read_picture(written, kind, PLAIN)
    assert ending == ""
    assert after.dtype == before.dtype
    assert np.array_equal(after, wanted)
    assert written[:2] == content[:2]


def test_an_uncompressed_tiff_keeps_all_its_other_bytes():
    content = FILES["tiff big"]()
    wanted = read_picture(content, "a", PLAIN).copy()
    wanted[0, 0, 1] = 7
    written, _ = retouched(content, wanted, "a", PLAIN)
    assert len(written) == len(content)
    assert sum(a != b for a, b in zip(written, content, strict=True)) <= 4


def test_a_compressed_tiff_keeps_its_place_on_earth():
    tifffile = pytest.importorskip("tifffile")
    scale = (33550, "d", 3, (30.0, 30.0, 0.0), True)
    content = tiff(DEEP, compression="zlib", extratags=[scale], metadata=None)
    written, _ = retouched(content, read_picture(content, "a", PLAIN), "a", PLAIN)
    with tifffile.TiffFile(io.BytesIO(written)) as file:
        assert file.pages.first.tags[33550].value == (30.0, 30.0, 0.0)


def test_a_fits_file_keeps_its_header():
    units = pytest.importorskip("astropy.io.fits")
    content = fits(NUMBERS)
    written, _ = retouched(content, read_picture(content, "a", PLAIN), "a", PLAIN)
    with units.open(io.BytesIO(written)) as file:
        assert file[1].header["OBJECT"] == "M31"


def test_a_png_keeps_its_colour_profile():
    content = pillow("RGB", icc_profile=b"profile")
    written, _ = retouched(content, read_picture(content, "a", PLAIN), "a", PLAIN)
    assert Image.open(io.BytesIO(written)).info["icc_profile"] == b"profile"


def test_a_jpeg_becomes_a_png_of_the_pixels_it_showed():
    content = pillow("RGB", "JPEG")
    before = read_picture(content, "a", PLAIN)
    written, ending = retouched(content, before, "a", PLAIN)
    assert ending == ".png"
    assert written.startswith(b"\x89PNG")
    assert np.array_equal(read_picture(written, "a", PLAIN), before)


def test_missing_pixels_stay_missing():
    content = npy(np.where(np.eye(4) > 0, np.nan, 1.0))
    image = read_picture(content, "a", PLAIN).copy()
    image[0, 1] = 5
    written, _ = retouched(content, image, "a", PLAIN)
    assert np.array_equal(read_picture(written, "a", PLAIN), image, equal_nan=True)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (lambda: pillow("CMYK", "JPEG"), "cyan, magenta"),
        (
            lambda: encoded(Image.fromarray(BYTES), "PNG", save_all=True, append_images=[Image.fromarray(255 - BYTES)]),
            "several frames",
        ),
    ],
)
def test_what_would_lose_something_is_refused(content, why):
    image = read_picture(content(), "a.x", PLAIN)
    with pytest.raises(OutputError, match=rf"a\.x: cannot be written again \(.*{why}"):
        retouched(content(), image, "a.x", PLAIN)


def test_pixels_of_another_depth_are_refused():
    with pytest.raises(OutputError, match=r"a\.npy: cannot be written again \(its format would change other pixels\)"):
        retouched(npy(BYTES), BYTES.astype(np.float32) + 0.5, "a.npy", PLAIN)
