import json
from pathlib import Path

import numpy as np
import pytest

from poleward.benchmark.contenders import single
from poleward.benchmark.measuring import Interval
from poleward.benchmark.record import Figure
from poleward.benchmark.splits import DataSet, Split
from poleward.benchmark.suite import Comparison, Figures, Request
from poleward.errors import SettingError, TrainingCollapsed


def split_of(data, shift):
    def split(seed):
        test = np.random.default_rng(seed).normal(size=(20, 1)) + shift
        return Split("g", data, seed, test[:4], test, np.arange(20) > 15)

    return DataSet("g", data, frozenset({data}), split)


def refusing(split, effort):
    raise TrainingCollapsed("nothing to rank with")


def suite(shift=0.0):
    contenders = (
        single("default", lambda split, effort: split.test[:, 0]),
        single("raw-5nn", lambda split, effort: -split.test[:, 0], note="the simple one"),
        single("bad", refusing),
    )
    there = [split_of("a", shift), split_of("b", shift)]
    return Comparison("About.", contenders, lambda request: there, lambda: there[:1])


def run(out, shift=0.0, **more):
    said = []
    suite(shift).run(Request("s", out=out, **more), said.append)
    return said


def held(folder):
    record = json.loads((folder / "s.json").read_text())
    return record["runs"], {(one["data"], one["seed"], one["row"]): one for one in record["outcomes"]}


def test_every_row_ranks_every_data_set_with_every_seed(tmp_path):
    run(tmp_path)
    runs, outcomes = held(tmp_path)
    assert len(outcomes) == 2 * 3 * 3 and [one["command"] for one in runs] == ["poleward bench s"]


def test_the_page_says_where_figures_come_from_and_what_failed(tmp_path):
    run(tmp_path, seeds=2)
    page = (tmp_path / "s.md").read_text()
    for said in (
        "`poleward bench s --seeds 2`",
        "Seeds 0, 1;",
        "minutes",
        "data `",
        "code `",
        "- `raw-5nn`: the simple",
    ):
        assert said in page
    assert "- `bad` on a: nothing to rank with" in page


def test_one_row_is_measured_again_and_merged(tmp_path):
    run(tmp_path)
    _, before = held(tmp_path)
    run(tmp_path, only=("raw-5nn",))
    runs, after = held(tmp_path)
    assert [one["command"] for one in runs] == ["poleward bench s", "poleward bench s --only raw-5nn"]
    assert after.keys() == before.keys()


def test_a_row_of_another_split_is_not_merged(tmp_path):
    run(tmp_path)
    with pytest.raises(SettingError, match="rows of different splits are not compared"):
        run(tmp_path, shift=1.0, only=("raw-5nn",))


def test_a_whole_run_takes_the_place_of_the_old_record(tmp_path):
    run(tmp_path)
    run(tmp_path, shift=1.0)
    assert len(held(tmp_path)[0]) == 1


def test_data_and_rows_can_be_chosen_together(tmp_path):
    run(tmp_path, only=("b", "default"), seeds=1)
    assert list(held(tmp_path)[1]) == [("b", 0, "default")]


def test_the_quick_form_has_one_seed_and_a_record_of_its_own(tmp_path):
    run(tmp_path, quick=True)
    record = json.loads((tmp_path / "s-quick.json").read_text())
    assert {(one["data"], one["seed"]) for one in record["outcomes"]} == {("a", 0)}
    assert not (tmp_path / "s.json").exists()


def test_without_a_folder_the_page_is_said():
    assert "## g" in run(None, seeds=1)[-1]


def test_an_unknown_word_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(SettingError, match="--only is 'c'"):
        run(tmp_path, only=("c",))
    assert not (tmp_path / "s.json").exists()


def test_figures_are_said_and_written(tmp_path):
    one = Figure("speed", Interval(1.0, 1.0, 2.0), "at most 3", True)
    said = []
    figures = Figures("About.", lambda request, say: iter([one]), ("x",))
    figures.run(Request("f", ("x",), out=tmp_path), said.append)
    assert said[0] == "speed: 1 (1 to 2)  at most 3  met"
    assert json.loads((tmp_path / "f-x.json").read_text())["command"] == "poleward bench f --only x"


def test_figures_know_their_parts():
    with pytest.raises(SettingError, match="--only is 'z'; choose among x, y"):
        Figures("About.", lambda request, say: iter([]), ("x", "y")).run(Request("f", ("z",)), print)


def test_a_command_with_spaces_can_be_typed_again():
    request = Request("s", ("a b",), seeds=1, data=Path("d"))
    assert request.command == 'poleward bench s --only "a b" --seeds 1'


def test_a_run_that_is_stopped_leaves_the_figures_it_has(tmp_path):
    def measured(request, say):
        yield Figure("speed", Interval(1.0, 1.0, 2.0))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Figures("About.", measured).run(Request("f", out=tmp_path), print)
    assert [figure["name"] for figure in json.loads((tmp_path / "f.json").read_text())["figures"]] == ["speed"]
