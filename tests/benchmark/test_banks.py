import numpy as np

from poleward.benchmark.banks import banks, islands, k_centre, scale_figures


def test_centres_are_far_from_each_other_and_all_different():
    points = np.arange(11.0)[:, None]
    rows = k_centre(points, 4, seed=0)
    assert np.diff(np.sort(points[rows, 0])).min() >= 2


def test_a_bank_has_all_points_or_a_fifth_of_them():
    found = banks(np.random.default_rng(0).normal(size=(100, 2)), seed=0)
    assert [len(bank) for bank in found.values()] == [100, 100, 20, 20]
    assert 0 < np.abs(found["half precision"] - found["all points"]).max() < 1e-2


def test_points_of_islands_lie_on_the_sphere():
    np.testing.assert_allclose(np.linalg.norm(islands(50, 8, 0), axis=1), 1, rtol=1e-6)


def test_both_ways_of_looking_are_timed_and_the_recall_is_told():
    found = list(scale_figures(2, sizes=(1500,), d=8))
    assert len(found) == 3 and 0.9 < found[-1].value.typical <= 1
