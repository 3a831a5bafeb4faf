import sqlite3
import subprocess
import sys
import threading

import pytest

from poleward.errors import OutputError, SettingError
from poleward.explorer.labels import LONGEST, LabelLog, labels_csv, log_csv


def test_a_label_holds_until_another_is_given(log):
    log.add([("a", "normal")], "ada")
    log.add([("a", "merger")], "bob")
    assert log.labels() == {"a": "merger"}
    assert [(entry.who, entry.label) for entry in log.entries()] == [("ada", "normal"), ("bob", "merger")]


def test_an_empty_label_takes_it_away(log):
    log.add([("a", "normal")], "ada")
    log.add([("a", "")], "ada")
    assert log.labels() == {}


def test_undo_brings_back_what_was_before(log):
    log.add([("a", "normal")], "ada")
    log.add([("a", "artefact")], "ada")
    assert [entry.label for entry in log.undo("ada")] == ["artefact"]
    assert log.labels() == {"a": "normal"}
    log.undo("ada")
    assert log.labels() == {}
    assert log.undo("ada") == []


def test_undo_takes_back_all_that_was_said_at_once(log):
    log.add([("a", "normal")], "ada")
    log.add([("b", "normal"), ("c", "normal")], "ada")
    assert len(log.undo("ada")) == 2
    assert log.labels() == {"a": "normal"}


def test_people_undo_only_what_they_said(log):
    log.add([("a", "normal")], "ada")
    log.add([("b", "normal")], "bob")
    log.undo("ada")
    assert log.labels() == {"b": "normal"}


def test_an_undone_label_under_a_later_one_leaves_the_later(log):
    log.add([("a", "normal")], "ada")
    log.add([("a", "merger")], "bob")
    log.undo("ada")
    assert log.labels() == {"a": "merger"}
    log.undo("bob")
    assert log.labels() == {}


def test_nothing_is_ever_taken_out_of_the_log(log):
    log.add([("a", "normal")], "ada")
    log.undo("ada")
    assert [entry.undoes for entry in log.entries()] == [None, 1]
    assert log.entries(after=1)[0].id == "a"


def test_labels_are_there_after_a_restart(log):
    log.add([("a", "normal"), ("ü\n<b>", "my own")], "ada")
    log.close()
    again = LabelLog(log.path)
    assert again.labels() == {"a": "normal", "ü\n<b>": "my own"}
    again.undo("ada")
    assert again.labels() == {}
    again.close()


def test_two_that_have_the_file_open_see_each_other(log):
    other = LabelLog(log.path)
    log.add([("a", "normal")], "ada")
    assert other.labels() == {"a": "normal"}
    other.undo("ada")
    assert log.labels() == {}
    assert log.number == other.number == 2
    other.close()


def test_many_threads_lose_no_label(log):
    def say(person):
        for number in range(20):
            log.add([(f"{person}-{number}", "normal")], f"{person}")

    threads = [threading.Thread(target=say, args=(person,)) for person in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(log.labels()) == 80


ADD_FOR_EVER = """
import sys
from poleward.explorer.labels import LabelLog

log, number = LabelLog(sys.argv[1]), 0
while True:
    log.add([(str(number), "normal")], "ada")
    print(number, flush=True)
    number += 1
"""


def test_a_process_that_is_killed_while_it_writes_loses_no_label_that_it_acknowledged(tmp_path):
    words = [sys.executable, "-c", ADD_FOR_EVER, str(tmp_path / "l")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as writer:
        heard = [writer.stdout.readline().strip() for _ in range(20)]
        writer.kill()
        heard += writer.stdout.read().split()
    assert heard[:2] == ["0", "1"]
    log = LabelLog(tmp_path / "l")
    assert set(heard) <= set(log.labels())
    log.add([("after", "normal")], "ada")
    assert log.labels()["after"] == "normal"
    log.close()


@pytest.mark.parametrize("label", ["x" * (LONGEST + 1), "two\nlines", "bell\a"])
def test_a_label_is_one_short_line(log, label):
    with pytest.raises(SettingError, match="one line of up to 100 characters"):
        log.add([("a", "normal"), ("b", label)], "ada")
    assert log.labels() == {}


def test_a_file_that_is_something_else_is_refused_and_kept(tmp_path):
    (tmp_path / "notes.txt").write_text("my notes, which are long enough to be no database at all\n" * 10)
    with pytest.raises(OutputError, match=r"notes\.txt: labels cannot be kept in it"):
        LabelLog(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text().startswith("my notes")


def test_another_database_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("create table log (x)")
    other.close()
    with pytest.raises(OutputError, match="labels cannot be kept in it"):
        LabelLog(tmp_path / "other.db").labels()


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        LabelLog(tmp_path / "nowhere" / "l")


def test_exports_have_time_and_who(log):
    log.add([("a,b", "normal"), ("c", "my own")], "ada")
    log.add([("c", "")], "bob")
    lines = labels_csv(log.standing(), {"score": {"a,b": 0.5}}).splitlines()
    assert lines[0] == "id,label,who,time,score"
    assert lines[1].startswith('"a,b",normal,ada,20')
    assert lines[1].endswith(",0.5")
    assert len(lines) == 2
    assert len(log_csv(log.entries()).splitlines()) == 4


def test_catalogues_are_kept(log):
    log.keep(b"id,z\na,1\n")
    log.close()
    again = LabelLog(log.path)
    assert again.kept() == [b"id,z\na,1\n"]
    again.close()
