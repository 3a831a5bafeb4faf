"""Bodies that are small and say that they are large are refused before they are decoded."""

import gzip
import io
import json
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from poleward.serve.door import Limits

MOST = 1_000_000
MANY = "at most 1,000,000 are accepted"
LIMITS = Limits(most_bytes=1 << 20, most_values=MOST)


def png(width, height):
    """A PNG whose head states a size, and that holds next to nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def npy(shape, dtype="<f8"):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue() + bytes(800)


def npz(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def zeros(n):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(n))
    return buffer.getvalue()


def fits(content_of):
    buffer = io.BytesIO()
    content_of(pytest.importorskip("astropy.io.fits")).writeto(buffer)
    return buffer.getvalue()


def large_fits():
    whole = fits(lambda fits: fits.PrimaryHDU(np.zeros((2, 2), np.uint8)))
    return whole.replace(b"NAXIS1  =                    2", b"NAXIS1  =                90000").replace(
        b"NAXIS2  =                    2", b"NAXIS2  =                90000"
    )


def tiff():
    buffer = io.BytesIO()
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(buffer, np.zeros((2000, 2000), np.uint8), compression="zlib")
    return buffer.getvalue()


def parquet(table, **options):
    buffer = io.BytesIO()
    pa.parquet.write_table(table, buffer, **options)
    return buffer.getvalue()


BOMBS = {
    "png": (lambda: png(50_000, 50_000), "could be decompression bomb"),
    "png just beyond": (lambda: png(1000, 334), MANY),
    "tiff": (tiff, MANY),
    "fits that ends early": (large_fits, MANY),
    "compressed fits": (lambda: fits(lambda fits: fits.CompImageHDU(np.zeros((1500, 1500), np.int16))), MANY),
    "fits in gzip": (lambda: gzip.compress(b"SIMPLE" + bytes(9 * MOST)), MANY),
    "npy in npz": (lambda: npz(X=npy((10**6, 10**6))), MANY),
    "npy of texts in npz": (lambda: npz(X=npy((2,), "<U100000000")), MANY),
    "npz": (lambda: npz(X=zeros(2 * MOST)), MANY),
    "parquet": (lambda: parquet(pa.table({"a": np.zeros(2 * MOST)})), MANY),
    "parquet of one text": (lambda: parquet(pa.table({"a": pa.array(["x" * 5000] * 1000).dictionary_encode()})), MANY),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("uploaded", [False, True])
def test_a_bomb_is_refused_without_the_memory_it_asks_for(ask, rows, pictures, refused, name, uploaded):
    make, said = BOMBS[name]
    content = make()
    assert len(content) < LIMITS.most_bytes
    client = ask((rows if "parquet" in name else pictures).detector, LIMITS)
    sent = {"files": {"file": ("x", content)}} if uploaded else {"content": content}
    tracemalloc.start()
    answer = client.post("/score", **sent)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert said in refused(answer, 413)
    assert peak < 8 * MOST + 8 * len(content) + (4 << 20)


@pytest.mark.parametrize("content", [npy((10**6, 10**6)), npy((2,), "<U100000000")])
def test_an_array_that_is_not_as_long_as_it_says_is_refused(ask, pictures, refused, content):
    client = ask(pictures.detector, LIMITS)
    assert "greater than file size" in refused(client.post("/score", content=content), 422)
    assert MANY in refused(client.post("/score", files={"file": ("x.npy", content)}), 413)


def test_an_array_beside_the_samples_counts_too(ask, pictures, refused):
    content = npz(X=npy((2, 2)), other=npy((10**9,)))
    assert MANY in refused(ask(pictures.detector, LIMITS).post("/score", content=content), 413)


def test_many_images_together_are_as_large_as_one(ask, pictures, refused):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((600, 600), np.uint8))
    files = [("file", (f"{number}", buffer.getvalue())) for number in range(2)]
    answer = ask(pictures.detector, Limits(most_values=500_000)).post("/score", files=files)
    assert "720,000 values" in refused(answer, 413)


def test_objects_with_ever_other_names_are_not_written_out(ask, rows, refused):
    content = json.dumps([{f"c{row}": 1} for row in range(2000)])
    answer = ask(rows.detector, LIMITS).post("/score", content=content, headers={"content-type": "application/json"})
    assert "4,000,000 values written out" in refused(answer, 413)


def test_a_parquet_of_lists_of_texts_is_refused(ask, rows, refused):
    content = parquet(pa.table({"a": [["x"], ["y", "z"]]}))
    assert "lists of texts" in refused(ask(rows.detector, LIMITS).post("/score", content=content), 422)


def test_a_body_beyond_the_limit_is_refused(ask, rows, refused):
    client = ask(rows.detector, LIMITS)

    async def endless():
        for _ in range(3):
            yield bytes(1 << 19)

    assert "more than 1,048,576 bytes" in refused(client.post("/score", content=bytes(2 << 20)), 413)
    assert "more than 1,048,576 bytes" in refused(client.post("/score", content=endless()), 413)
