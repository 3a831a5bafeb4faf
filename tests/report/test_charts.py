import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from poleward.report.charts import bin_edges, curve, histogram, number, ticks

SCORES = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e9, 1e9))


def bars(svg: str, group: int) -> list[tuple[float, int, str]]:
    """Height, count and range of every bar of one group."""
    found = []
    for mark in ElementTree.fromstring(svg).iter("g"):
        if mark.get("class") == f"series-{group}":
            words, _, count = mark.findtext("title", "").rpartition(": ")
            height = next(rect.get("height", "") for rect in mark.iter("rect") if rect.get("class") == "bar")
            found.append((float(height), int(count.replace(",", "")), words))
    return found


@given(SCORES, SCORES, st.floats(-1e9, 1e9) | st.just(np.inf))
def test_the_bars_of_each_group_sum_to_its_size(calibration, ranked, threshold):
    svg = histogram({"calibration": calibration, "ranked": ranked}, threshold)
    assert sum(count for _, count, _ in bars(svg, 0)) == len(calibration)
    assert sum(count for _, count, _ in bars(svg, 1)) == len(ranked)


@given(SCORES, st.floats(-1e9, 1e9))
def test_a_bar_is_as_high_as_its_count(scores, threshold):
    drawn = bars(histogram({"ranked": scores}, threshold), 0)
    heights, counts = np.array([bar[0] for bar in drawn]), np.array([bar[1] for bar in drawn])
    np.testing.assert_allclose(heights / heights.sum(), counts / counts.sum(), atol=1e-3)


def test_equal_scores_share_one_bar():
    assert [count for _, count, _ in bars(histogram({"ranked": np.full(7, 3.0)}, np.inf), 0)] == [7]


@pytest.mark.parametrize("huge", [100.0, 1e300])
def test_one_huge_score_does_not_press_the_rest_into_one_bar(huge):
    scores = np.append(np.linspace(0.0, 1.0, 1000), huge)
    drawn = bars(histogram({"ranked": scores}, 0.9), 0)
    assert len(drawn) > 40
    assert drawn[-1][1:] == (1, drawn[-1][2]) and drawn[-1][2].endswith("and above")


def test_infinite_scores_are_counted_beyond_the_axis():
    scores = np.array([-np.inf, 0.0, 1.0, np.inf, np.inf])
    drawn = bars(histogram({"ranked": scores}, 0.5), 0)
    assert drawn[0][1] == 1 and drawn[0][2].startswith("below")
    assert drawn[-1][1] == 2 and drawn[-1][2].endswith("and above")


@given(SCORES, st.floats(-1e9, 1e9))
def test_the_threshold_is_an_edge_within_the_axis(scores, threshold):
    edges = bin_edges(scores, threshold)
    assert threshold in edges
    assert edges[0] <= threshold < edges[-1]


def test_the_threshold_is_drawn_and_named():
    svg = histogram({"ranked": np.arange(10.0)}, 7.0)
    assert '<line class="threshold"' in svg
    assert "threshold 7<" in svg
    assert "3 of 10 at or above the threshold" in svg


def test_an_infinite_threshold_is_not_drawn():
    svg = histogram({"ranked": np.arange(10.0)}, np.inf)
    assert "threshold inf" not in svg
    assert '<line class="threshold"' not in svg


def test_an_empty_group_has_no_bars():
    svg = histogram({"calibration": np.arange(3.0), "labelled": np.empty(0)}, 1.0)
    assert bars(svg, 1) == []


@pytest.mark.parametrize("draw", [lambda name: histogram({name: np.arange(3.0)}, 1.0), lambda name: curve(name, [1.0])])
def test_names_are_escaped(draw):
    svg = draw('<script>"&')
    assert "<script>" not in svg
    ElementTree.fromstring(svg)


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12), st.integers(1, 8))
def test_ticks_lie_inside_at_equal_steps(low, width, wanted):
    high = low + width
    if not width > 1e-6 * abs(low):
        return
    found = np.array(ticks(low, high, wanted))
    slack = 1e-6 * max(abs(low), abs(high), width)
    assert len(found) <= wanted + 1
    assert ((found >= low - slack) & (found <= high + slack)).all()
    np.testing.assert_allclose(np.diff(found, 2), 0, atol=slack)


@pytest.mark.parametrize(
    ("value", "text"), [(0.01, "0.01"), (123456.0, "123,456"), (3.14159, "3.142"), (-2.5e12, "-2.5e+12")]
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def heights(svg: str) -> list[float]:
    return [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.-]+)", svg)]


def test_a_falling_loss_falls_on_the_page():
    y = heights(curve("loss", [3.0, 2.0, 1.0]))
    assert y == sorted(y) and len(set(y)) == 3


def test_a_value_that_is_not_finite_leaves_a_gap():
    svg = curve("loss", [1.0, 2.0, float("nan"), 2.0, 1.0])
    path = re.search(r'd="([^"]+)"', svg)
    assert path and [step[0] for step in path[1].split() if step[0] in "ML"] == ["M", "L", "M", "L"]


def test_a_huge_first_epoch_leaves_the_rest_readable():
    y = heights(curve("loss", [1e9, *np.linspace(2.0, 1.0, 50)]))
    assert max(y) - y[1] > 30


@pytest.mark.parametrize("values", [[], [5.0], [2.0, 2.0, 2.0], [float("nan")] * 3, [0.0, 0.0]])
def test_short_flat_and_empty_curves_are_drawn(values):
    assert ElementTree.fromstring(curve("loss", values)).tag == "svg"


def test_a_curve_says_where_it_starts_and_ends():
    assert 'aria-label="loss: from 3 to 1 in 3 epochs"' in curve("loss", [3.0, 2.0, 1.0])
