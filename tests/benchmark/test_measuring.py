import json
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from poleward.benchmark import speed
from poleward.benchmark.measuring import Interval, take_turns
from poleward.benchmark.published_way import masked_coordinates, masked_cosines
from poleward.benchmark.record import Figure, code_hash, write_record
from poleward.geometry.hypersphere import cosines
from poleward.objectives import published


def test_the_interval_of_a_median_holds_it():
    interval = Interval.of(np.random.default_rng(0).normal(5, 1, 40))
    assert interval.low < interval.typical < interval.high
    assert interval.high - interval.low < 1


def test_contenders_take_turns_and_the_first_turn_does_not_count():
    order = []
    seconds = take_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, turns=2)
    assert order == ["a", "b"] * 3
    assert {name: len(values) for name, values in seconds.items()} == {"a": 2, "b": 2}


def test_a_slow_contender_takes_longer():
    end = []

    def spin():
        start = time.perf_counter()
        while time.perf_counter() - start < 0.005:
            end.append(None)

    seconds = take_turns({"slow": spin, "fast": lambda: None}, turns=3)
    assert (seconds["slow"] > seconds["fast"]).all()


@pytest.mark.parametrize("eps", [0.0, 1e-3])
def test_the_published_way_gives_the_same_cosines(eps):
    points = torch.randn(6, 33, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(masked_cosines(points, eps), cosines(points, eps), atol=1e-12)


def test_the_published_way_holds_only_within_its_context():
    with masked_coordinates():
        assert published.cosines is masked_cosines
    assert published.cosines is cosines


def test_a_record_says_where_its_figures_come_from(tmp_path):
    figure = Figure("k-NN, s", Interval(1.0, 0.9, 1.1), "at most 2", True)
    write_record(tmp_path / "results", "speed", "poleward bench speed", 0, [figure])
    record = json.loads((tmp_path / "results" / "speed.json").read_text())
    assert record["command"] == "poleward bench speed" and record["code"] == code_hash()
    assert record["figures"] == [
        {"name": "k-NN, s", "value": {"typical": 1.0, "low": 0.9, "high": 1.1}, "goal": "at most 2", "met": True}
    ]
    assert "| k-NN, s | 1 (0.9 to 1.1) | at most 2 | yes |" in (tmp_path / "results" / "speed.md").read_text()


def test_the_speed_of_small_parts_is_measured(monkeypatch):
    names = [figure.name for figure in speed.neighbor_figures(1, n_queries=50, n_points=300, d=8)]
    assert names[0] == "k-NN, ours, s" and names[-1] == "k-NN, ours over the better of the others"
    assert speed.matrix_product_speed(torch.float32, side=64) > 0


def test_a_step_the_published_way_is_the_same_step():
    images = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    ours, theirs = (speed.Stepper(way, published.PublishedCompressed()) for way in ("float32", "published way"))
    for stepper in (ours, theirs):
        stepper.step(images)
    for one, other in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-3)


def test_correction_of_a_long_table_is_measured_in_processes_of_its_own(monkeypatch):
    commands = []

    def run(*words):
        commands.append((words[0], pq.read_metadata(words[1 if words[0] == "fit" else 2]).num_rows))
        return 100.0 * len(commands)

    monkeypatch.setattr(speed, "_run", run)
    figures = {figure.name: figure for figure in speed.correction_figures((50, 100), learned=200)}
    assert commands == [("fit", 200), ("correct", 50), ("correct", 100)]
    assert figures["correct, 100 rows x 20, peak MiB"].value.typical == 300
    growth = figures["correct, peak at 100 rows over peak at 50"]
    assert growth.value.typical == 1.5 and growth.met is False
