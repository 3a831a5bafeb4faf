"""Folders of a manifest, tensors and arrays, written whole or not at all, read without executing anything.

::

    manifest.json          format, kind, the writer's content, size and SHA-256 of each file below, and its own SHA-256,
                           which leaves out the entry "decision": that one may be edited by hand
    weights.safetensors    tensors (absent when there are none)
    arrays.npz             arrays, no pickle (absent when there are none)
    network.onnx           a network as ONNX (of an exported model only)
"""

import hashlib
import io
import json
import math
import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from poleward.errors import ModelError, OutputError, PolewardError
from poleward.staging import clear_abandoned, exchange, staged

FORMAT = 3
"""Version of the layout; a reader refuses newer ones."""

MODEL, EXPORTED = "model", "exported model"
"""Kinds of folder that hold a detector."""

CLASSIFIER = "classifier"
"""The kind of folder that `poleward fit --labels` writes."""

ADVICE = {
    CLASSIFIER: "; it was fitted with --labels, and score, evaluate, audit, figure, info and serve take it"
    " (in Python OpenSetClassifier.load)"
}
"""What to do with a folder of a kind that was not asked for."""

MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"
ARRAYS = "arrays.npz"
GRAPH = "network.onnx"
FILES = frozenset({WEIGHTS, ARRAYS, GRAPH})
EDITABLE = "decision"
"""The entry of a manifest that its checksum leaves out; whoever writes it checks what it reads."""


@dataclass(frozen=True)
class Folder:
    """What a folder held."""

    manifest: dict[str, Any]
    tensors: dict[str, NDArray[Any]]
    arrays: dict[str, NDArray[Any]]
    graph: bytes = b""


def write_folder(
    path: Path,
    kind: str,
    content: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]] | None = None,
    arrays: Mapping[str, NDArray[Any]] | None = None,
    graph: bytes = b"",
) -> None:
    """Write the folder beside its place under another name, then rename it into place.

    Parameters
    ----------
    path : the folder; one written before by this function is replaced
    kind : what it is, asked for again by `read_folder`
    content : plain JSON values for the manifest

    Errors
    ------
    OutputError when the place cannot be written or holds something else; nothing half-written is left.
    """
    require_replaceable(path)
    advice = "cannot be written ({}); choose another --out"
    try:
        with staged(path) as place:
            advice = "writing failed ({}); nothing was left behind"
            made = place / path.name
            made.mkdir()
            _fill(made, kind, content, tensors or {}, arrays or {}, graph)
            if path.exists():
                made.chmod(path.stat().st_mode)
            exchange(made, path)
    except OSError as error:
        raise OutputError(f"{path}: {advice.format(error.strerror)}") from error


def read_folder(path: Path, *kinds: str) -> Folder:
    """Read a folder and check that every file is the one that was written.

    Errors
    ------
    ModelError when the folder is missing, foreign, newer than this program, truncated or changed.
    """
    manifest = read_manifest(path, *kinds)
    files = {name: _checked_bytes(path / name, stated) for name, stated in manifest["files"].items()}
    try:
        tensors = safetensors.numpy.load(files[WEIGHTS]) if WEIGHTS in files else {}
        arrays = _read_arrays(files[ARRAYS]) if ARRAYS in files else {}
    except Exception as error:  # NumPy and zipfile raise almost anything for damaged bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"{path}: a file is not in the format that the manifest says ({reason})") from error
    return Folder(manifest, tensors, arrays, files.get(GRAPH, b""))


def read_manifest(path: Path, *kinds: str) -> dict[str, Any]:
    """The manifest alone, checked for format and to be of one of the kinds; ModelError as in `read_folder`."""
    if not (path / MANIFEST).is_file():
        what = "holds no manifest.json, so it is not a Poleward folder" if path.exists() else "does not exist"
        raise ModelError(f"{path}: {what}; give the folder that `poleward fit --out` wrote")
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        written, found = manifest["format"], manifest["kind"]
        names = set(manifest["files"].keys())
        intact = manifest.pop("sha256", None) == _digest(manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path}: manifest.json is damaged or foreign ({type(error).__name__})") from error
    if written != FORMAT:
        older = isinstance(written, int) and written < FORMAT
        advice = "fit the model again" if older else "update Poleward"
        raise ModelError(f"{path}: written in format {written!r}, this version reads format {FORMAT}; {advice}")
    if found not in kinds:
        raise ModelError(f"{path}: holds a {found}, not a {' or '.join(kinds)}{ADVICE.get(found, '')}")
    if not names <= FILES:
        raise ModelError(f"{path}: the manifest names unexpected files ({', '.join(sorted(names - FILES))})")
    if not intact:
        raise ModelError(
            f"{path}: manifest.json was changed after it was written, elsewhere than in its {EDITABLE!r};"
            " restore the folder from a copy"
        )
    return dict(manifest)


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """ModelError for whatever keeps the block from making sense of what a folder held."""
    try:
        yield
    except PolewardError:
        raise
    except Exception as error:  # parts that do not fit together fail anywhere
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: its parts do not fit together ({type(error).__name__}: {reason})") from error


def require_replaceable(path: Path) -> None:
    """OutputError when the path holds something that `write_folder` did not write."""
    if path.is_dir() and any(path.iterdir()) and not _is_ours(path):
        raise OutputError(f"{path}: is a folder of something else and will not be replaced; choose another --out")
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path}: is a file; choose another --out")


def remove_folder(path: Path) -> None:
    """Remove a folder that `write_folder` wrote, at once for whoever looks; nothing happens where there is none."""
    if path.is_dir() and _is_ours(path):
        with staged(path) as place:
            path.rename(place / path.name)
    elif path.parent.is_dir():
        clear_abandoned(path)


def _is_ours(folder: Path) -> bool:
    """Whether it has a manifest and nothing beside it but the files that `write_folder` writes."""
    names = {entry.name for entry in folder.iterdir()}
    return MANIFEST in names and names <= {MANIFEST, *FILES}


def _fill(
    folder: Path,
    kind: str,
    content: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    arrays: Mapping[str, NDArray[Any]],
    graph: bytes,
) -> None:
    files: dict[str, dict[str, Any]] = {}
    if tensors:
        files[WEIGHTS] = _write_bytes(folder / WEIGHTS, safetensors.numpy.save(dict(tensors)))
    if arrays:
        files[ARRAYS] = _write_bytes(folder / ARRAYS, _packed(arrays))
    if graph:
        files[GRAPH] = _write_bytes(folder / GRAPH, graph)
    manifest = {"format": FORMAT, "kind": kind, **content, "files": files}
    _write_bytes(folder / MANIFEST, json.dumps({**manifest, "sha256": _digest(manifest)}, indent=1).encode())


def _packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An .npz whose bytes depend on the arrays alone; `numpy.savez` writes the time into it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)
    return buffer.getvalue()


def _digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of what is fixed in a manifest; what JSON makes of it (keys to text, tuples to lists) does not matter."""
    fixed = {name: value for name, value in manifest.items() if name != EDITABLE}
    return hashlib.sha256(json.dumps(fixed).encode()).hexdigest()


def _write_bytes(path: Path, data: bytes) -> dict[str, Any]:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _checked_bytes(path: Path, stated: Any) -> bytes:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ModelError(f"{path}: is no file; the folder was changed")
        size = found.st_size
        if size != stated["bytes"]:
            raise ModelError(
                f"{path}: has {size} bytes, {stated['bytes']} were written; the file is truncated or changed"
            )
        data = path.read_bytes()
        whole = hashlib.sha256(data).hexdigest() == stated["sha256"]
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); the folder is incomplete") from error
    except (KeyError, TypeError) as error:
        raise ModelError(f"{path}: the manifest states no size and checksum for it") from error
    if not whole:
        raise ModelError(f"{path}: its checksum is not the one in the manifest; the file was changed or damaged")
    return data


def _read_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
        return {name: _read_array(archive, entry) for name, entry in entries.items()}


def _read_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> NDArray[Any]:
    """One array; ValueError, before memory is taken, for one that is not as large as it says."""
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{entry.filename} is compressed")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        if math.prod(shape) * dtype.itemsize != entry.file_size - file.tell():
            raise ValueError(f"{entry.filename} does not hold {shape} values of {dtype}")
    with archive.open(entry) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
