import json

import numpy as np
import pytest

from poleward.benchmark.contenders import Contender, Effort, single
from poleward.benchmark.outcomes import FIGURES, Outcome, Record, compared, measure
from poleward.benchmark.splits import Split
from poleward.errors import SettingError, SourceError, TrainingCollapsed


def split_of(shift=0.0, seed=0):
    test = np.arange(6.0).reshape(-1, 1) + shift
    return Split("g", "d", seed, np.zeros((4, 1)), test, np.array([False, False, False, False, True, True]))


GOOD = single("good", lambda split, effort: split.test[:, 0])


def refusing(split, effort):
    raise TrainingCollapsed("all the same")


def compare(record, split=None, contenders=(GOOD,)):
    compared(contenders, split or split_of(), 0, Effort(), record, lambda line: None)


def test_an_outcome_has_the_four_figures_the_splits_hash_and_the_seconds():
    (outcome,) = measure(GOOD, split_of(), Effort())
    assert outcome.figures == {"auroc": 1, "average_precision": 1, "fpr95": 0, "fpr95_ood_positive": 0}
    assert outcome.split == split_of().hash and outcome.seconds >= 0 and outcome.key == ("g", "d", 0, "good")


def test_a_row_that_refuses_says_why_and_the_others_go_on():
    record = Record("s", "m")
    said = []
    compared([single("bad", refusing), GOOD], split_of(), 0, Effort(), record, said.append)
    assert [(o.row, o.failure) for o in record.outcomes.values()] == [("bad", "all the same"), ("good", "")]
    assert said == ["g, d, seed 0: bad: all the same", "g, d, seed 0: good: AUROC 1.000"]


def test_scores_that_are_not_finite_are_a_failure():
    (outcome,) = measure(single("r", lambda split, effort: split.test[:, 0] * np.nan), split_of(), Effort())
    assert outcome.figures == {} and "finite" in outcome.failure


def test_only_the_rows_asked_for_are_kept():
    both = Contender("c", ("c+a",), lambda split, effort: {"c+a": split.test[:, 0], "c+b": split.test[:, 0]})
    assert [outcome.row for outcome in measure(both, split_of(), Effort())] == ["c+a"]


def test_a_record_comes_back_as_it_was_written(tmp_path):
    record = Record("s", "m")
    compare(record)
    record.write(tmp_path / "r" / "s.json")
    assert Record.read(tmp_path / "r" / "s.json") == record
    assert set(json.loads((tmp_path / "r" / "s.json").read_text())["outcomes"][0]["figures"]) == set(FIGURES)


def test_a_row_measured_again_takes_the_place_of_the_old_one():
    record = Record("s", "m")
    compare(record)
    compare(record, contenders=[single("good", lambda split, effort: -split.test[:, 0])])
    assert [outcome.figures["auroc"] for outcome in record.outcomes.values()] == [0]


def test_rows_of_another_split_are_never_joined():
    record = Record("s", "m")
    compare(record)
    with pytest.raises(SettingError, match="rows of different splits are not compared"):
        compare(record, split_of(shift=1.0), [single("new", lambda split, effort: split.test[:, 0])])
    assert len(record.outcomes) == 1


def test_another_seed_may_have_another_split():
    record = Record("s", "m")
    compare(record)
    compare(record, split_of(shift=1.0, seed=1))
    assert len(record.outcomes) == 2


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"suite": "s"}', '{"suite": "s", "machine": "", "runs": [], "outcomes": [1]}']
)
def test_a_file_that_is_no_record_is_named(tmp_path, text):
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(SourceError, match=r"s\.json: is not a record"):
        Record.read(tmp_path / "s.json")


def test_an_outcome_is_known_by_group_data_seed_and_row():
    one = Outcome("g", "d", 1, "r", "h", {}, 0.0, "c")
    assert one.key == ("g", "d", 1, "r")
