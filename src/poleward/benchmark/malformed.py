"""Requests that are nearly right: bodies that a server reads, damaged at random, the same ones for the same seed."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray
from PIL import Image

TOKENS = (
    b"NaN", b"Infinity", b"-1e999", b"1e308", b"null", b"true", b'"\\ud800"', b"[" * 2000, b'{"a":', b"\xff\xfe", b"\0",
    b'""', b"9" * 400, b"\r\n--x\r\n", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80" * 9, b",,,,", b'"', b"\n" * 50,
)  # fmt: skip
"""What readers stumble over: numbers without an end, halves of characters, lengths beyond any size."""

PATHS = ("/score", "/score", "/score", "/explain", "/correct", "/nowhere")
TYPES = (
    "application/json",
    "text/csv",
    "application/octet-stream",
    "image/png",
    "multipart/form-data",
    "",
    "\xe4/\xe4",
)
MOST_DAMAGES = 4
PILLOW = ("PNG", "JPEG", "WEBP")


@dataclass(frozen=True)
class Body:
    """A body and the type that it is stated to have."""

    content: bytes
    media_type: str


@dataclass(frozen=True)
class Request:
    """A request that may be answered in any way but with a fault of the server."""

    method: str
    path: str
    body: Body


def table_bodies(table: pa.Table) -> list[Body]:
    """Rows in every form that is read."""
    rows = table.slice(0, 3).to_pylist()
    numbers = np.column_stack([column.to_numpy() for column in table.slice(0, 3).columns])
    lists = [list(row.values()) for row in rows]
    binary = [written(lambda file: pa.parquet.write_table(table, file)), *array_files(numbers)]
    text = written(lambda file: pa.csv.write_csv(table.slice(0, 20), file))
    texts = [Body(json.dumps(told).encode(), "application/json") for told in ({"rows": rows}, rows, lists)]
    return [*texts, Body(text, "text/csv"), *(Body(content, "application/octet-stream") for content in binary)]


def image_bodies(images: NDArray[Any]) -> list[Body]:
    """Images (n, height, width, 3) of uint8 in every form that is read; TIFF and FITS where their libraries are."""
    files = {kind.lower(): written(partial(Image.fromarray(images[0]).save, format=kind)) for kind in PILLOW}
    files |= {"tiff": tiff(images[0]), "fits": fits(images[0])}
    bare = [Body(content, f"image/{name}") for name, content in files.items()]
    stacks = [Body(content, "application/octet-stream") for content in array_files(images)]
    uploads = [form({f"{name}.{name}": content for name, content in files.items()}), form({"a.png": files["png"]})]
    return [*bare, *stacks, *uploads]


def array_files(array: NDArray[Any]) -> list[bytes]:
    """An array as npy, as npz and as compressed npz."""
    return [
        written(lambda file: np.save(file, array)),
        written(lambda file: np.savez(file, X=array, y=np.arange(len(array)))),
        written(lambda file: np.savez_compressed(file, X=array)),
    ]


def tiff(image: NDArray[Any]) -> bytes:
    """The image as compressed TIFF."""
    import tifffile

    return written(lambda file: tifffile.imwrite(file, image, photometric="rgb", compression="zlib"))


def fits(image: NDArray[Any]) -> bytes:
    """The image as FITS, bands first."""
    from astropy.io import fits as astropy_fits

    return written(lambda file: astropy_fits.PrimaryHDU(np.moveaxis(image, -1, 0)).writeto(file))


def form(files: dict[str, bytes], boundary: str = "x") -> Body:
    """A multipart body."""
    parts = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode() + content
        for name, content in files.items()
    ]
    content = b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()])
    return Body(content, f"multipart/form-data; boundary={boundary}")


def malformed(bodies: Sequence[Body], n: int, seed: int) -> Iterator[Request]:
    """n requests, each a body with one to four damages, some with a wrong type, path or method."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        body = bodies[int(rng.integers(len(bodies)))]
        content = body.content
        for _ in range(rng.integers(1, MOST_DAMAGES + 1)):
            content = DAMAGES[rng.integers(len(DAMAGES))](content, rng)
        media_type = TYPES[rng.integers(len(TYPES))] if rng.random() < 0.15 else body.media_type
        method = "PUT" if rng.random() < 0.01 else "POST"
        yield Request(method, PATHS[rng.integers(len(PATHS))], Body(content, media_type))


def written(write: Callable[[Any], Any]) -> bytes:
    """What is written into a file."""
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


Damage = Callable[[bytes, np.random.Generator], bytes]


def place(content: bytes, rng: np.random.Generator) -> int:
    """A position in the content, often near its start, where formats say what follows."""
    within = min(len(content), 64) if rng.random() < 0.3 else len(content)
    return int(rng.integers(within + 1))


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    """Another value for one byte."""
    at = place(content, rng)
    return content[:at] + bytes([int(rng.integers(256))]) + content[at + 1 :]


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    """The content up to somewhere."""
    return content[: place(content, rng)]


def drop(content: bytes, rng: np.random.Generator) -> bytes:
    """The content without a piece of it."""
    at = place(content, rng)
    return content[:at] + content[at + int(rng.integers(1, 40)) :]


def repeat_piece(content: bytes, rng: np.random.Generator) -> bytes:
    """A piece of the content once more."""
    at = place(content, rng)
    return content[:at] + content[at : at + int(rng.integers(1, 200))] + content[at:]


def insert(content: bytes, rng: np.random.Generator) -> bytes:
    """One of the tokens, somewhere."""
    at = place(content, rng)
    return content[:at] + TOKENS[rng.integers(len(TOKENS))] + content[at:]


def overwrite(content: bytes, rng: np.random.Generator) -> bytes:
    """One of the tokens over what stood there."""
    at, token = place(content, rng), TOKENS[rng.integers(len(TOKENS))]
    return content[:at] + token + content[at + len(token) :]


DAMAGES: tuple[Damage, ...] = (flip, flip, cut, drop, repeat_piece, insert, overwrite)
