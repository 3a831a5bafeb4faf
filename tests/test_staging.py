import os
import signal
import subprocess
import sys

import pytest

from poleward import staging
from poleward.staging import clear_abandoned, exchange, resumable, staged

KILLED_AT_WORK = """
import os, signal, sys
from pathlib import Path
from poleward.staging import staged

with staged(Path(sys.argv[1])) as place:
    (place / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def left_by_a_killed_process(path):
    killed = subprocess.run([sys.executable, "-c", KILLED_AT_WORK, path])
    assert killed.returncode == -signal.SIGKILL
    (folder,) = path.parent.glob(".*")
    return folder


def test_a_place_lies_hidden_beside_its_output_and_is_gone_afterwards(tmp_path):
    with staged(tmp_path / "a" / "out.csv") as place:
        assert place.parent == tmp_path / "a"
        assert place.name.startswith(".out.csv.")
        (place / "half").write_text("half")
    assert names(tmp_path / "a") == []


def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path):
    left = left_by_a_killed_process(tmp_path / "out.csv")
    assert names(left) == ["half"]
    with staged(tmp_path / "out.csv") as place:
        assert names(tmp_path) == [place.name]


def test_what_belongs_to_another_output_stays(tmp_path):
    left = left_by_a_killed_process(tmp_path / "out.csv")
    with staged(tmp_path / "out"), staged(tmp_path / "out.csv.gz"):
        assert left.exists()


def test_a_folder_that_somebody_works_in_stays(tmp_path):
    with staged(tmp_path / "m") as one, staged(tmp_path / "m") as other:
        clear_abandoned(tmp_path / "m")
        assert names(tmp_path) == sorted([one.name, other.name])


def test_a_link_that_looks_like_a_left_folder_is_not_followed(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    (tmp_path / ".m.abcdefgh.part").symlink_to(tmp_path / "mine")
    clear_abandoned(tmp_path / "m")
    assert names(tmp_path / "mine") == ["thesis.tex"]


def test_a_place_that_was_taken_for_abandoned_before_it_was_locked_is_made_again(tmp_path, monkeypatch):
    held, removed = staging._held, []

    def slow(folder):
        if not removed:
            removed.append(folder)
            folder.rmdir()
        return held(folder)

    monkeypatch.setattr(staging, "_held", slow)
    with staged(tmp_path / "m") as place:
        assert place.is_dir() and place != removed[0]


@pytest.fixture
def old_and_new(tmp_path):
    path = tmp_path / "m"
    with staged(path) as place:
        for folder, text in ((path, "old"), (place / "m", "new")):
            folder.mkdir()
            (folder / "text").write_text(text)
        yield path, place


@pytest.mark.parametrize("able", [True, False])
def test_a_finished_folder_takes_the_name_of_the_old_one(old_and_new, monkeypatch, able):
    path, place = old_and_new
    if not able:
        monkeypatch.setattr(staging, "_exchanged", lambda *_: False)
    exchange(place / "m", path)
    assert (path / "text").read_text() == "new"


@pytest.mark.skipif(sys.platform != "linux", reason="two names are exchanged at once on Linux alone")
def test_two_names_are_exchanged_without_a_moment_between(old_and_new, monkeypatch):
    path, place = old_and_new
    monkeypatch.setattr(os, "rename", None)
    exchange(place / "m", path)
    assert (place / "m" / "text").read_text() == "old"


def test_a_folder_that_was_moved_aside_when_the_process_died_is_put_back(tmp_path):
    left = left_by_a_killed_process(tmp_path / "m")
    (left / "half").unlink()
    (left / "before").mkdir()
    (left / "before" / "text").write_text("old")
    clear_abandoned(tmp_path / "m")
    assert names(tmp_path) == ["m"]
    assert (tmp_path / "m" / "text").read_text() == "old"


def left_unfinished(path):
    with pytest.raises(RuntimeError), resumable(path, resume=False) as folder:
        (folder / "part").write_text("part")
        raise RuntimeError
    return folder


def test_parts_stay_when_a_block_fails_and_are_gone_when_one_ends_well(tmp_path):
    left = left_unfinished(tmp_path / "out.csv")
    assert names(left) == ["part"]
    with resumable(tmp_path / "out.csv", resume=True) as folder:
        assert names(folder) == ["part"]
    assert names(tmp_path) == []


def test_parts_are_forgotten_when_nobody_wants_to_resume(tmp_path):
    left_unfinished(tmp_path / "out.csv")
    with resumable(tmp_path / "out.csv", resume=False) as folder:
        assert names(folder) == []


def test_a_block_that_fails_without_parts_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), resumable(tmp_path / "out.csv", resume=False):
        raise RuntimeError
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_two_processes_do_not_write_the_same_parts(tmp_path):
    refused = pytest.raises(BlockingIOError, match="another process is writing it")
    with resumable(tmp_path / "out.csv", resume=False):
        with refused, resumable(tmp_path / "out.csv", resume=True):
            pass
        assert names(tmp_path) == [".out.csv.unfinished"]
