import csv

import numpy as np
import pytest

from poleward.cli import correct
from poleward.data.tables import read_table

QUICK = ["--epochs", "1", "--n-latent", "2", "--scorer", "input-knn", "--n-neighbors", "1"]


def write(path, names, rows):
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(names)
        lines.writerows(rows)


def numbers(n, columns, seed=0):
    return np.round(np.random.default_rng(seed).normal(size=(n, columns)), 4).tolist()


@pytest.fixture
def fitted(poleward, here):
    """Fit a model to rows; gives the names of the columns."""

    def fit(rows):
        names = [f"c{column}" for column in range(len(rows[0]))]
        write(here / "train.csv", names, rows)
        done = poleward("fit", "train.csv", "--out", "model", "--correction", *QUICK)
        assert done.code == 0, done.err
        return names

    return fit


def test_a_new_column_stays_as_it_is_and_is_named(poleward, fitted, here):
    names = fitted(numbers(40, 3))
    rows = [[*row, "new"] for row in numbers(40, 3, seed=1)]
    rows[3][0] = 900
    write(here / "t.csv", [*names, "more"], rows)
    done = poleward("correct", "model", "t.csv", "--out", "fixed.csv")
    assert done.code == 0, done.err
    before, after = read_table(here / "t.csv"), read_table(here / "fixed.csv")
    assert after["more"] == before["more"]
    assert "not there in training, and left as they are: columns 'more'" in done.err
    assert after.column_names == before.column_names


FAULTS = {
    "a type that changed": (["words"] * 40, "column 'c1', row 1: 'words' found"),
    "a column that is gone": (None, "'c1'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_table_that_does_not_fit_is_refused_in_one_line(refused, fitted, here, fault):
    names = fitted(numbers(40, 3))
    new, line = FAULTS[fault]
    rows = numbers(40, 3, seed=1)
    for row, value in zip(rows, new or rows, strict=True):
        row[1:2] = [value] if new else []
    write(here / "t.csv", names if new else [names[0], names[2]], rows)
    assert line in refused("correct", "model", "t.csv", "--out", "fixed.csv")
    assert here() == ["model", "t.csv", "train.csv"]


@pytest.mark.parametrize("size", [7, 4096])
def test_a_row_without_any_value_is_named_and_nothing_is_written(refused, fitted, here, monkeypatch, size):
    monkeypatch.setattr(correct, "SAMPLES_AT_A_TIME", {"images": size, "table": size})
    names = fitted(numbers(40, 3))
    rows = numbers(40, 3, seed=1)
    rows[20] = ["", "", ""]
    write(here / "t.csv", names, rows)
    said = refused("correct", "model", "t.csv", "--out", "fixed.csv", "--patch", "p.csv")
    assert "holds no value at all" in said
    assert ("from sample 14 on, sample 7 " if size == 7 else "sample 21 ") in said
    assert here() == ["model", "t.csv", "train.csv"]


def test_a_column_of_one_value_is_no_obstacle(poleward, fitted, here):
    rows = [[*row, 5, "same"] for row in numbers(40, 3)]
    names = fitted(rows)
    rows[2][4] = "sane"
    write(here / "t.csv", names, rows)
    done = poleward("correct", "model", "t.csv", "--out", "fixed.csv")
    assert done.code == 0, done.err
    assert set(read_table(here / "fixed.csv")["c4"].to_pylist()) <= {"same", "sane"}


def test_two_rows_are_too_few_to_learn_from_but_can_be_corrected(poleward, refused, fitted, here):
    names = fitted(numbers(40, 3))
    write(here / "t.csv", names, numbers(2, 3, seed=1))
    assert "at least 4" in refused("fit", "t.csv", "--out", "other", *QUICK)
    done = poleward("correct", "model", "t.csv", "--out", "fixed.csv")
    assert done.code == 0, done.err
    assert read_table(here / "fixed.csv").num_rows == 2


def test_two_thousand_columns_can_be_learned_and_corrected(poleward, fitted, here, monkeypatch):
    rows = numbers(4, 2000)
    names = fitted(rows)
    write(here / "t.csv", names, rows[:1])
    done = poleward("correct", "model", "t.csv", "--out", "fixed.csv")
    assert done.code == 0, done.err
    assert read_table(here / "fixed.csv").num_columns == 2000
