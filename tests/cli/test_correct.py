import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from poleward.cli import correct
from poleward.correction.constraints import Constraints
from poleward.data.patches import read_changes
from poleward.data.tables import read_table
from poleward.detector.model import Model
from poleward.records import Change, Correction

ODD = [row for row in range(120) if row % 10 == 0]


def repaired_tables(self, data, ids, constraints=Constraints()):  # noqa: B008 - frozen
    """A model that takes numbers in ``a`` above 5, and cells known as wrong, for wrong; the larger the surer."""
    names, n = data.column_names, data.num_rows
    constraints.check(names, (n, len(names)))
    a = np.array(data["a"].to_pylist(), float)
    probability = np.zeros((n, len(names)))
    probability[:, names.index("a")] = np.where(a > 5, a / 100, 0)
    if constraints.wrong is not None:
        probability[constraints.wrong] = 1
    probability[:, ~constraints.may_change(names)] = 0
    if constraints.trusted is not None:
        probability[constraints.trusted] = 0
    if constraints.max_changes is not None:
        least = np.sort(probability, axis=None)[::-1][: constraints.max_changes].min(initial=2)
        probability[probability < least] = 0
    mask = probability > 0
    changes = [
        Change(row, ids[row], names[at], data[names[at]][row].as_py(), "0", probability[row, at], 2.0, 1.0)
        for row, at in np.argwhere(mask).tolist()
    ]
    score = np.where(mask.any(axis=1), 2.0, 1.0)
    return Correction(data, mask, probability, score, np.ones(n), changes)


def repaired_images(self, data, ids, constraints=Constraints()):  # noqa: B008
    """A model that takes the upper left pixel of the brighter images for wrong."""
    mask = np.zeros(data.shape, bool)
    mask[:, 0, 0] = (data.mean(axis=(1, 2, 3)) > 90)[:, None]
    score = mask.any(axis=(1, 2, 3)).astype(float)
    return Correction(np.where(mask, 7, data[:, ::-1]).astype(data.dtype), mask, mask.astype(float), score, 0 * score)


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.setattr(Model, "correct", repaired_tables)


@pytest.fixture
def images(monkeypatch):
    monkeypatch.setattr(Model, "correct", repaired_images)


@pytest.fixture
def ask(poleward, sources, models):
    """Correct the table; gives what was said."""

    def run(*words, out="fixed.csv", source=None):
        source = sources / "table.csv" if source is None else source
        return poleward("correct", models / "table", source, "--out", out, *words)

    return run


def changed_rows(sources, out="fixed.csv"):
    before, after = read_table(sources / "table.csv"), read_table(Path(out))
    assert before.drop_columns("a") == after.drop_columns("a")
    return [row for row, (old, new) in enumerate(zip(before["a"], after["a"], strict=True)) if old != new]


def test_only_the_wrong_cells_of_the_copy_differ(tables, ask, sources, here):
    original = (sources / "table.csv").read_bytes()
    done = ask()
    assert done.code == 0, done.err
    expected = re.sub(rb"(?m)^(r\d*0),[^,]*", rb"\1,0", original)
    assert (here / "fixed.csv").read_bytes() == expected != original
    assert (sources / "table.csv").read_bytes() == original
    assert here() == ["fixed.csv"]


def test_the_summary_counts_cells_rows_and_columns(tables, ask, here):
    lines = ask().out.splitlines()
    assert lines[0] == "12 cells in 12 of 120 rows changed (1.4 %); the copy lies in fixed.csv"
    assert ["a", "12", "10", "%"] in [line.split() for line in lines]


def test_in_how_many_pieces_a_source_is_read_does_not_matter(tables, ask, here, monkeypatch):
    words = ["--max-changes", "5", "--id-column", "name"]
    ask("--patch", "whole.patch.csv", *words, out="whole.csv")
    monkeypatch.setattr(correct, "SAMPLES_AT_A_TIME", {"images": 7, "table": 7})
    ask("--patch", "pieces.patch.csv", *words, out="pieces.csv")
    assert (here / "whole.csv").read_bytes() == (here / "pieces.csv").read_bytes()
    assert (here / "whole.patch.csv").read_bytes() == (here / "pieces.patch.csv").read_bytes()


def test_the_patch_goes_forth_and_back(tables, ask, poleward, sources, here, monkeypatch):
    monkeypatch.setattr(correct, "SAMPLES_AT_A_TIME", {"images": 50, "table": 50})
    ask("--patch", "p.csv", "--id-column", "name")
    changes = read_changes(here / "p.csv")
    assert [(change.row, change.id, change.column) for change in changes] == [(row, f"r{row}", "a") for row in ODD]
    done = poleward("correct", "--apply", "p.csv", sources / "table.csv", "--out", "again.csv", "--id-column", "name")
    assert done.out == "12 cells in 12 rows changed; the copy lies in again.csv\n"
    assert (here / "again.csv").read_bytes() == (here / "fixed.csv").read_bytes()
    done = poleward("correct", "--revert", "p.csv", "fixed.csv", "--out", "back.csv")
    assert done.out == "12 cells in 12 rows put back; the copy lies in back.csv\n"
    assert (here / "back.csv").read_bytes() == (sources / "table.csv").read_bytes()


def test_a_parquet_file_is_corrected_as_one(tables, ask, poleward, sources, here):
    pq.write_table(read_table(sources / "table.csv"), "t.parquet")
    assert ask("--patch", "p.csv", out="fixed.parquet", source=here / "t.parquet").code == 0
    assert changed_rows(sources, "fixed.parquet") == ODD
    poleward("correct", "--revert", "p.csv", "fixed.parquet", "--out", "back.parquet")
    assert pq.read_table("back.parquet").equals(pq.read_table("t.parquet"))


def test_the_surest_changes_are_made_when_only_some_may_be(tables, ask, sources, here):
    a = [float(x) for x in read_table(sources / "table.csv")["a"].to_pylist()]
    surest = sorted(sorted(range(120), key=lambda row: -a[row])[:3])
    ask("--max-changes", "3")
    assert changed_rows(sources) == surest
    ask("--max-changes", "0")
    assert changed_rows(sources) == []


@pytest.mark.parametrize("words", [["--columns", "b,colour"], ["--protect", "day,a"]])
def test_other_columns_do_not_change(tables, ask, sources, here, words):
    ask(*words)
    assert changed_rows(sources) == []


def test_trusted_cells_stay_and_cells_known_as_wrong_change(tables, ask, sources, here, monkeypatch):
    monkeypatch.setattr(correct, "SAMPLES_AT_A_TIME", {"images": 7, "table": 7})
    (here / "m.csv").write_text("id,column,state\nr10,a,trusted\nr33,a,wrong\n")
    ask("--mask", "m.csv", "--id-column", "name")
    assert changed_rows(sources) == [0, *ODD[2:4], 33, *ODD[4:]]


def test_rules_reach_the_model_having_seen_the_whole_table(tables, ask, sources, here, monkeypatch):
    monkeypatch.setattr(correct, "SAMPLES_AT_A_TIME", {"images": 7, "table": 7})
    (here / "r.toml").write_text("[[determines]]\nby = 'name'\ntarget = 'flag'\n")
    seen = []

    def watched(self, data, ids, constraints):
        seen.append(constraints.rules)
        return repaired_tables(self, data, ids, constraints)

    monkeypatch.setattr(Model, "correct", watched)
    assert ask("--rules", "r.toml").code == 0
    assert len(seen) == 18
    assert all(rules is seen[0] for rules in seen)
    assert set(seen[0].types) == {"name", "flag"}


TABLE_FAULTS = {
    "a new place": (["--columns", "nope"], "there is no column 'nope' to change or protect"),
    "a protected stranger": (["--protect", "nope"], "there is no column 'nope' to change or protect"),
    "rules of others": (["--rules", "r.toml"], "the rules name column 'nope'"),
    "no rules": (["--rules", "none.toml"], "none.toml: cannot be read (No such file or directory)"),
    "a mask of others": (["--mask", "m.csv"], "m.csv: 1 ids are not in the source: r999"),
    "a mask of no form": (["--mask", "m.txt"], "m.txt: a mask is an npz, csv or parquet file"),
    "a patch of no form": (["--patch", "p.txt"], "p.txt: a list of changes ends in .csv"),
    "one file twice": (["--patch", "fixed.csv"], "fixed.csv: is fixed.csv itself; choose another place"),
    "an unknown id column": (["--id-column", "nope"], "has no column 'nope' to take ids from"),
}


@pytest.mark.parametrize("fault", TABLE_FAULTS)
def test_a_fault_is_one_line_and_leaves_nothing(tables, refused, sources, models, here, fault):
    words, line = TABLE_FAULTS[fault]
    (here / "r.toml").write_text("[values]\nnope = [1]\n")
    (here / "m.csv").write_text("id,column,state\nr999,a,wrong\n")
    before = here()
    said = refused("correct", models / "table", sources / "table.csv", "--out", "fixed.csv", *words)
    assert line in said
    assert here() == before


@pytest.mark.parametrize("change", ["gone", "retyped"])
def test_a_table_that_changed_is_refused_in_one_line(tables, refused, sources, models, here, monkeypatch, change):
    def strict(self, data, ids, constraints):
        self.preparation.encode(data)
        return repaired_tables(self, data, ids, constraints)

    monkeypatch.setattr(Model, "correct", strict)
    monkeypatch.setattr(correct, "SAMPLES_AT_A_TIME", {"images": 7, "table": 7})
    text = (sources / "table.csv").read_text()
    (here / "t.csv").write_text(
        text.replace(",b,", ",bb,", 1) if change == "gone" else re.sub(r"r99,[^,]*", "r99,x", text)
    )
    said = refused("correct", models / "table", "t.csv", "--out", "fixed.csv", "--patch", "p.csv")
    expected = {"gone": "columns are missing: 'b'", "retyped": "from sample 98 on, column 'a', row 2: 'x' found"}
    assert expected[change] in said
    assert here() == ["t.csv"]


def test_the_source_is_not_a_place_to_write_to(tables, refused, sources, models, here):
    (here / "t.csv").write_bytes((sources / "table.csv").read_bytes())
    assert "itself" in refused("correct", models / "table", "t.csv", "--out", "t.csv")
    assert "itself" in refused("correct", models / "table", "t.csv", "--out", "f.csv", "--patch", "t.csv")
    assert (here / "t.csv").read_bytes() == (sources / "table.csv").read_bytes()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--apply", "p.csv", "--revert", "p.csv", "t.csv"], "choose one"),
        (["--apply", "p.csv", "model", "t.csv"], "take SOURCE alone, without a model"),
        (["--revert", "p.csv", "t.csv", "--max-changes", "3"], "--max-changes does not go with --apply or --revert"),
        (["--revert", "p.csv", "t.csv", "--mask", "m.csv"], "--mask does not go with"),
        (["t.csv"], "1 places are given; write poleward correct MODEL SOURCE --out FIXED"),
        (["--apply", "none.csv", "t.csv"], "none.csv: cannot be read"),
        (["--apply", "t.csv", "t.csv"], "t.csv: is no list of changes"),
        (["--apply", "p.csv", "t.csv"], "t.csv: row 0, column 'a' holds '1' where '7' is expected"),
        (["--revert", "p.csv", "t.csv"], "t.csv: row 0, column 'a' holds '1' where '8' is expected"),
    ],
)
def test_a_list_that_does_not_fit_is_refused_in_one_line(refused, here, words, line):
    (here / "t.csv").write_text("a,b\n1,2\n")
    (here / "p.csv").write_text(
        "row,id,column,old,new,probability,score_before,score_after,old_exact\n0,0,a,7,8,0.9,2,1,\n"
    )
    assert line in refused("correct", *words, "--out", "o.csv")
    assert here() == ["p.csv", "t.csv"]


def test_the_list_is_not_a_place_to_write_to(refused, here):
    (here / "t.csv").write_text("a,b\n1,2\n")
    (here / "p.csv").write_text("x")
    assert "p.csv: is p.csv itself" in refused("correct", "--apply", "p.csv", "t.csv", "--out", "p.csv")
    assert (here / "p.csv").read_text() == "x"


def test_images_are_copied_but_for_the_wrong_pixels(images, poleward, sources, models, here, monkeypatch):
    monkeypatch.setattr(correct, "SAMPLES_AT_A_TIME", {"images": 7, "table": 7})
    done = poleward("correct", models / "images", sources / "images", "--out", "fixed")
    assert done.code == 0, done.err
    assert done.out == "5 pixels in 5 of 41 images changed (0.25 %); the copies lie in fixed\n"
    originals = sorted((sources / "images").glob("*.png"))
    assert sorted(path.name for path in (here / "fixed").iterdir()) == [path.name for path in originals]
    for path in originals:
        copy = here / "fixed" / path.name
        before, after = np.asarray(Image.open(path)), np.asarray(Image.open(copy))
        if before.mean() > 90:
            assert (after[0, 0] == 7).all()
            assert np.array_equal(after[1:], before[1:])
            assert np.array_equal(after[0, 1:], before[0, 1:])
        else:
            assert copy.read_bytes() == path.read_bytes()


def test_a_jpeg_becomes_a_png_and_that_is_said(images, poleward, models, write_images, here):
    write_images(here / "in" / "deep", n=5)
    bright = Image.fromarray(np.full((8, 6, 3), 200, np.uint8))
    bright.save(here / "in" / "a.jpg", quality=95)
    bright.save(here / "in" / "deep" / "00.jpg", quality=95)
    done = poleward("correct", models / "images", "in", "--out", "fixed")
    assert "2 JPEG became PNG, as writing a JPEG anew changes all its pixels:" in done.err
    assert done.err.splitlines()[-2:] == ["  a.png", "  deep/00.jpg.png"]
    found = sorted(path.relative_to(here / "fixed").as_posix() for path in (here / "fixed").rglob("*.*"))
    assert found == ["a.png", "deep/00.jpg.png", *(f"deep/{number:02d}.png" for number in range(5))]
    after = np.asarray(Image.open(here / "fixed" / "a.png"))
    assert (after[0, 0] == 7).all()
    assert np.array_equal(after[1:], np.asarray(Image.open(here / "in" / "a.jpg"))[1:])


@pytest.mark.parametrize("form", ["nhwb", "nbhw"])
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_a_stack_of_images_keeps_its_form(images, poleward, sources, models, here, form, ending):
    stack = np.stack([np.asarray(Image.open(path)) for path in sorted((sources / "images").glob("*.png"))])
    X = stack if form == "nhwb" else np.moveaxis(stack, -1, 1)
    np.save("in.npy", X)
    np.savez("in.npz", X=X, y=np.arange(41))
    done = poleward("correct", models / "images", f"in.{ending}", "--out", f"out.{ending}")
    assert done.code == 0, done.err
    after = np.load(f"out.{ending}")
    if ending == "npz":
        assert np.array_equal(after["y"], np.arange(41))
        after = after["X"]
    expected = X.copy()
    bright = stack.mean(axis=(1, 2, 3)) > 90
    (expected if form == "nhwb" else np.moveaxis(expected, 1, -1))[bright, 0, 0] = 7
    assert np.array_equal(after, expected)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--patch", "p.csv"], "--patch is about the cells of a table"),
        (["--columns", "a"], "--columns is about the cells of a table"),
        (["--max-changes", "2"], "--max-changes is about the cells of a table"),
    ],
)
def test_images_have_no_cells_to_choose_or_list(images, refused, sources, models, here, words, line):
    said = refused("correct", models / "images", sources / "images", "--out", "fixed", *words)
    assert line in said
    assert here() == []


def test_images_are_not_written_into_their_source(images, refused, models, write_images, here):
    write_images(here / "in", n=5)
    assert "in/fixed: lies in in" in refused("correct", models / "images", "in", "--out", "in/fixed")
    assert "in: is in itself" in refused("correct", models / "images", "in", "--out", "in")
    (here / "old").mkdir()
    assert "old: is a folder already" in refused("correct", models / "images", "in", "--out", "old")
    assert here() == ["in", "old"]


@pytest.mark.parametrize("out", ["fixed.csv", "fixed.parquet"])
def test_a_trained_model_corrects_a_table_and_it_can_be_taken_back(ask, poleward, sources, here, out):
    source = sources / "table.csv"
    if out.endswith("parquet"):
        source = here / "t.parquet"
        pq.write_table(read_table(sources / "table.csv"), source)
    done = ask("--patch", "p.csv", "--id-column", "name", out=out, source=source)
    assert done.code == 0, done.err
    changes = read_changes(here / "p.csv")
    assert changes, "rows nine standard deviations away are left as they are"
    assert poleward("correct", "--revert", "p.csv", out, "--out", f"back.{out}").code == 0
    assert read_table(here / f"back.{out}") == read_table(source)


def test_a_trained_model_obeys_its_constraints(ask, sources, here):
    (here / "m.csv").write_text("id,column,state\n" + "".join(f"r{row},a,trusted\n" for row in ODD[:6]))
    words = ["--columns", "a,b", "--protect", "b", "--mask", "m.csv", "--id-column", "name", "--max-changes", "4"]
    assert ask("--patch", "p.csv", *words).code == 0
    changes = read_changes(here / "p.csv")
    assert len(changes) <= 4
    assert {change.column for change in changes} <= {"a"}
    assert not {change.row for change in changes} & set(ODD[:6])


@pytest.mark.parametrize("size", [7, 4096])
def test_a_trained_model_corrects_rows_one_by_one(ask, here, monkeypatch, size):
    ask("--patch", "whole.patch.csv", out="whole.csv")
    monkeypatch.setattr(correct, "SAMPLES_AT_A_TIME", {"images": size, "table": size})
    ask("--patch", "pieces.patch.csv", out="pieces.csv")
    assert (here / "whole.csv").read_bytes() == (here / "pieces.csv").read_bytes()
    assert (here / "whole.patch.csv").read_bytes() == (here / "pieces.patch.csv").read_bytes()


def test_a_trained_model_corrects_images(poleward, sources, models, here):
    done = poleward("correct", models / "images", sources / "images", "--out", "fixed")
    assert done.code == 0, done.err
    assert len(list((here / "fixed").iterdir())) == 41
