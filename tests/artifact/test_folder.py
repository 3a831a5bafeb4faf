import errno
import io
import json
import os
import shutil
import time
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poleward import staging
from poleward.artifact import folder as folder_module
from poleward.artifact.folder import (
    FORMAT,
    read_folder,
    read_manifest,
    remove_folder,
    require_replaceable,
    write_folder,
)
from poleward.errors import ModelError, OutputError

CONTENT = {"name": "näht", "threshold": 0.1, "history": {"loss": [1.0, 1 / 3]}, "nothing": None}
TENSORS = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "step": np.array(7.0, np.float32)}
ARRAYS = {"prints": np.array([1, 2**63], np.uint64), "seen": np.array([[True, False]]), "empty": np.empty((0, 3))}
FILES = ["manifest.json", "weights.safetensors", "arrays.npz"]


@pytest.fixture
def model(tmp_path):
    write_folder(tmp_path / "model", "model", CONTENT, TENSORS, ARRAYS)
    return tmp_path / "model"


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def require_refused(folder, match, kind="model"):
    """Reading raises one line that names the folder."""
    with pytest.raises(ModelError, match=match) as caught:
        read_folder(folder, kind)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def edited(model, **changes):
    """The manifest with some entries replaced, its own checksum made right again."""
    manifest = json.loads((model / "manifest.json").read_text()) | changes
    manifest.pop("sha256")
    digest = folder_module._digest(manifest)
    (model / "manifest.json").write_text(json.dumps({**manifest, "sha256": digest}))
    return model


def same(one, other):
    return one.keys() == other.keys() and all(
        np.array_equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one
    )


# Writing and reading.


def test_what_was_written_is_read(model):
    found = read_folder(model, "model")
    assert {name: found.manifest[name] for name in CONTENT} == CONTENT
    assert same(found.tensors, TENSORS) and same(found.arrays, ARRAYS)


def test_a_folder_without_tensors_and_arrays_is_a_manifest(tmp_path):
    write_folder(tmp_path / "model", "model", CONTENT)
    assert list(contents(tmp_path / "model")) == ["manifest.json"]
    found = read_folder(tmp_path / "model", "model")
    assert found.manifest["name"] == "näht" and not found.tensors and not found.arrays


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_any_json_value_comes_back_as_it_was(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "any" / "model"
    write_folder(path, "model", {"value": value})
    assert read_folder(path, "model").manifest["value"] == value


def test_keys_that_are_numbers_come_back_as_text(tmp_path):
    write_folder(tmp_path / "model", "model", {"precision": {100: 0.5}, "pair": (1, 2)})
    manifest = read_folder(tmp_path / "model", "model").manifest
    assert manifest["precision"] == {"100": 0.5} and manifest["pair"] == [1, 2]


def test_the_manifest_can_be_read_alone(model):
    (model / "weights.safetensors").unlink()
    assert read_manifest(model, "model")["threshold"] == 0.1


def test_missing_parent_folders_are_made_and_nothing_else(tmp_path):
    write_folder(tmp_path / "a" / "b" / "model", "model", CONTENT)
    assert [entry.name for entry in (tmp_path / "a" / "b").iterdir()] == ["model"]


def test_others_may_read_what_was_written(model):
    assert model.stat().st_mode & 0o777 == 0o755


def test_a_folder_written_before_is_replaced_as_a_whole(model):
    write_folder(model, "model", {"name": "second"}, arrays={"only": np.ones(1)})
    found = read_folder(model, "model")
    assert found.manifest["name"] == "second" and not found.tensors and list(found.arrays) == ["only"]
    assert [entry.name for entry in model.parent.iterdir()] == ["model"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "model").mkdir()
    write_folder(tmp_path / "model", "model", CONTENT)
    assert read_folder(tmp_path / "model", "model").manifest["name"] == "näht"


def test_a_damaged_folder_of_ours_may_be_replaced(model):
    (model / "manifest.json").write_text("{")
    write_folder(model, "model", CONTENT)
    assert read_folder(model, "model").manifest["name"] == "näht"


# What is not ours.


@pytest.mark.parametrize("names", [["thesis.tex"], ["manifest.json", "index.html"], ["weights.safetensors"]])
def test_a_folder_of_something_else_is_neither_replaced_nor_removed(tmp_path, names):
    path = tmp_path / "work"
    path.mkdir()
    for name in names:
        (path / name).write_text("years of work")
    before = contents(path)
    with pytest.raises(OutputError, match=r"work: is a folder of something else .* choose another --out"):
        write_folder(path, "model", CONTENT)
    remove_folder(path)
    assert contents(path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["work"]


def test_a_file_is_not_replaced(tmp_path):
    (tmp_path / "model").write_text("text")
    with pytest.raises(OutputError, match="model: is a file; choose another --out"):
        write_folder(tmp_path / "model", "model", CONTENT)
    assert (tmp_path / "model").read_text() == "text"


def test_a_place_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("text")
    with pytest.raises(OutputError, match=r"model: cannot be written \(.*\); choose another --out"):
        write_folder(tmp_path / "file" / "model", "model", CONTENT)


def test_a_place_is_asked_about_before_anything_is_written(model):
    require_replaceable(model)
    require_replaceable(model.parent / "free")
    (model / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="folder of something else"):
        require_replaceable(model)


def test_removing_what_was_written_and_removing_nothing(model):
    remove_folder(model)
    remove_folder(model)
    assert not model.exists()


# Failures while writing.


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def failing_rename(at):
    """`Path.rename` that fails at its ``at``-th call."""
    calls = iter(range(100))
    rename = Path.rename

    def sometimes(path, target):
        if next(calls) == at:
            full_disk()
        return rename(path, target)

    return sometimes


def unable_to_exchange(patch, at):
    """A file system on which two names cannot be exchanged, and on which the ``at``-th renaming fails."""
    patch.setattr(staging, "_exchanged", lambda *_: False)
    patch.setattr(Path, "rename", failing_rename(at))


FAULTS = {
    "the disk is full": lambda patch: patch.setattr(os, "fsync", full_disk),
    "the exchange of names fails": lambda patch: patch.setattr(staging, "_exchanged", full_disk),
    "the first renaming fails": lambda patch: unable_to_exchange(patch, at=0),
    "the second renaming fails": lambda patch: unable_to_exchange(patch, at=1),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_failure_while_writing_leaves_an_existing_folder_as_it_was(model, monkeypatch, fault):
    before = contents(model)
    with monkeypatch.context() as patch:
        fault(patch)
        with pytest.raises(OutputError, match=r"model: writing failed \(No space left on device\)"):
            write_folder(model, "model", {"name": "second"}, TENSORS)
    assert contents(model) == before
    assert [entry.name for entry in model.parent.iterdir()] == ["model"]


def test_a_folder_is_replaced_where_names_cannot_be_exchanged(model, monkeypatch):
    monkeypatch.setattr(staging, "_exchanged", lambda *_: False)
    write_folder(model, "model", {"name": "second"})
    assert read_folder(model, "model").manifest["name"] == "second"
    assert [entry.name for entry in model.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("name", ["the disk is full", "the first renaming fails"])
def test_a_failure_while_writing_leaves_nothing(tmp_path, monkeypatch, name):
    with monkeypatch.context() as patch:
        FAULTS[name](patch)
        with pytest.raises(OutputError, match="nothing was left behind"):
            write_folder(tmp_path / "model", "model", CONTENT, TENSORS, ARRAYS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt, TypeError])
def test_an_interruption_while_writing_leaves_nothing(tmp_path, monkeypatch, error):
    def interrupt(*_):
        raise error

    with monkeypatch.context() as patch, pytest.raises(error):
        patch.setattr(os, "fsync", interrupt)
        write_folder(tmp_path / "model", "model", CONTENT, TENSORS)
    assert not list(tmp_path.iterdir())


def test_arrays_that_would_need_code_to_read_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_folder(tmp_path / "model", "model", CONTENT, arrays={"objects": np.array([{}], dtype=object)})
    assert not list(tmp_path.iterdir())


# Damage.


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_is_noticed_wherever_it_is(model, name):
    data = (model / name).read_bytes()
    for at in range(len(data)):
        flipped = data[at] ^ (1 << at % 8)
        (model / name).write_bytes(data[:at] + bytes([flipped]) + data[at + 1 :])
        require_refused(model, ".")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("left", [0, 0.5, -1])
def test_a_truncated_file_is_noticed(model, name, left):
    data = (model / name).read_bytes()
    (model / name).write_bytes(data[: left if left == -1 else int(left * len(data))])
    require_refused(model, "truncated or changed|damaged or foreign")


@pytest.mark.parametrize("name", FILES[1:])
def test_a_lengthened_file_is_noticed(model, name):
    with (model / name).open("ab") as file:
        file.write(b"x")
    require_refused(model, rf"{name}: has \d+ bytes, \d+ were written")


@pytest.mark.parametrize("name", FILES[1:])
def test_a_missing_file_is_named(model, name):
    (model / name).unlink()
    require_refused(model, rf"{name}: cannot be read \(No such file or directory\); the folder is incomplete")


@pytest.mark.parametrize("name", FILES[1:])
def test_a_folder_in_a_file_s_place_is_noticed(model, name):
    (model / name).unlink()
    (model / name).mkdir()
    require_refused(model, name)


def test_a_folder_without_a_manifest_is_not_ours(model):
    (model / "manifest.json").unlink()
    require_refused(model, "holds no manifest.json, so it is not a Poleward folder")


@pytest.mark.parametrize("name", FILES[1:])
def test_a_pipe_in_a_file_s_place_is_noticed(model, name):
    (model / name).unlink()
    os.mkfifo(model / name)
    require_refused(edited(model, files={name: {"bytes": 0, "sha256": sha256(b"").hexdigest()}}), f"{name}: is no file")


@pytest.mark.parametrize("place", ["nowhere", "model/manifest.json"])
def test_what_is_not_a_folder_is_refused(model, place):
    require_refused(model.parent / place, "does not exist|holds no manifest.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "3",
        '"model"',
        "{}",
        '{"name": "an app", "icons": []}',
        '{"format": 2, "kind": "model"}',
        '{"format": 2, "kind": "model", "files": ["weights.safetensors"]}',
        '{"format": 2, "kind": "model", "files": "weights.safetensors"}',
        '{"format": 2, "kind": "model", "files": null}',
        "[" * 100_000,
        "\x00",
    ],
)
def test_a_foreign_manifest_is_refused(model, text):
    (model / "manifest.json").write_text(text)
    require_refused(model, r"manifest.json is damaged or foreign \(\w+\)")


def test_a_manifest_that_is_not_text_is_refused(model):
    (model / "manifest.json").write_bytes(b"\xff\xfe\x00")
    require_refused(model, "damaged or foreign")


@pytest.mark.parametrize(("written", "advice"), [(1, "fit the model again"), *((x, "update") for x in (99, "1", None))])
def test_another_format_is_refused_and_says_which(model, written, advice):
    said = rf"written in format {written!r}, this version reads format {FORMAT}; {advice}"
    require_refused(edited(model, format=written), said)


def test_another_kind_is_refused_and_says_which(model):
    require_refused(model, "holds a model, not a checkpoint", kind="checkpoint")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "manifest.json", "code.py", "weights.safetensors/../x"])
def test_a_manifest_cannot_name_other_files(model, name):
    (model.parent / "secret").write_text("secret")
    files = {name: {"bytes": 6, "sha256": "0" * 64}}
    require_refused(edited(model, files=files), "the manifest names unexpected files")


@pytest.mark.parametrize("stated", [None, {}, [], "x", {"bytes": 1}, {"bytes": "many", "sha256": 1}])
def test_a_file_s_size_and_checksum_must_be_stated(model, stated):
    require_refused(edited(model, files={"weights.safetensors": stated}), "states no size|truncated or changed")


@pytest.mark.parametrize("change", [{"threshold": 1e9}, {"history": {}}, {"files": {}}])
def test_an_edited_manifest_is_noticed(model, change):
    manifest = json.loads((model / "manifest.json").read_text()) | change
    (model / "manifest.json").write_text(json.dumps(manifest))
    require_refused(model, "manifest.json was changed after it was written")


@pytest.mark.parametrize("name", FILES[1:])
def test_a_file_in_another_format_is_refused_even_with_a_fitting_checksum(model, name):
    data = b"not what it says"
    (model / name).unlink()
    stated = folder_module._write_bytes(model / name, data)
    require_refused(edited(model, files={name: stated}), "a file is not in the format that the manifest says")


def test_an_archive_with_pickled_objects_is_refused_and_not_executed(model, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    np.savez(model / "arrays.npz", trap=np.array([Trap()], dtype=object))
    stated = folder_module._write_bytes(model / "arrays.npz", (model / "arrays.npz").read_bytes())
    require_refused(edited(model, files={"arrays.npz": stated}), "a file is not in the format")
    assert not (tmp_path / "executed").exists()


def archive(*members):
    """A zip archive of (name, bytes, compression)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content, compression in members:
            file.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def npy(shape, content=b""):
    """The bytes of an array that says it has a shape."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return buffer.getvalue() + content


STORED, PACKED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (archive(("a.npy", npy((10**12,)), STORED)), "does not hold"),
        (archive(("a.npy", npy((2,), bytes(8)), STORED)), "does not hold"),
        (archive(("a.npy", npy((-1,), bytes(8)), STORED)), "does not hold"),
        (archive(("a.npy", npy((2**20,), bytes(2**23)), PACKED)), "a.npy is compressed"),
        (archive(("a.npy", b"", STORED)), "not in the format"),
        (archive(("a.npy", b"\x93NUMPY\x09\x00", STORED)), "not in the format"),
    ],
)
def test_an_array_that_is_not_as_large_as_it_says_takes_no_memory(model, data, said):
    stated = folder_module._write_bytes(model / "arrays.npz", data)
    require_refused(edited(model, files={"arrays.npz": stated}), said)


def test_the_same_arrays_have_the_same_bytes_at_any_time(model, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 2**31)
    write_folder(model.parent / "later", "model", CONTENT, TENSORS, ARRAYS)
    assert contents(model.parent / "later") == contents(model)


def test_a_copied_folder_is_as_good_as_the_first(model, tmp_path):
    shutil.copytree(model, tmp_path / "copy")
    assert same(read_folder(tmp_path / "copy", "model").arrays, ARRAYS)


# What may be edited.


def test_the_decision_may_be_edited_and_nothing_beside_it(tmp_path):
    path = tmp_path / "model"
    write_folder(path, "model", {"decision": {"threshold": 1.0}, "threshold": 1.0}, TENSORS)
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(manifest | {"decision": {"threshold": 2.5}}, indent=4))
    assert read_folder(path, "model").manifest["decision"] == {"threshold": 2.5}
    (path / "manifest.json").write_text(json.dumps(manifest | {"threshold": 2.5}))
    require_refused(path, "was changed after it was written, elsewhere than in its 'decision'")
