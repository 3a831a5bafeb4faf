import numpy as np
import pytest

from poleward.scoring.heaps import GAUSSIANS, SAMPLES_PER_GAUSSIAN, bulk, odd_groups, without_heaps


def normal(n, centre=0.0, width=1.0, seed=0):
    return centre + width * np.random.default_rng(seed).normal(size=(n, 3))


def test_a_small_group_that_stands_apart_is_left_out_and_nothing_else_of_what_is_near():
    rows = bulk(np.concatenate([normal(960), normal(40, 8.0, 0.1)]), seed=0)
    assert rows.max() < 960
    assert len(rows) > 700


def test_a_larger_group_is_another_kind_of_normal_sample():
    rows = bulk(np.concatenate([normal(600), normal(400, 30.0)]), seed=0)
    assert (rows >= 600).sum() > 250


def test_too_few_samples_for_two_gaussians_have_no_heaps():
    few = np.concatenate([normal(2 * SAMPLES_PER_GAUSSIAN - 11), normal(10, 30.0)])
    assert len(bulk(few, seed=0)) == len(few)


def test_no_gaussian_that_is_left_is_lighter_than_was_asked_for():
    points = np.concatenate([normal(900), normal(60, 9.0), normal(40, -9.0)])
    mixture, rows = without_heaps(points, 0.08, 0.01, 0)
    assert mixture.weights_.min() >= 0.08
    assert rows.max() < 900


def test_at_least_seven_tenths_of_the_samples_are_kept():
    groups = [normal(50, 40.0 * place, seed=place) for place in range(20)]
    assert len(without_heaps(np.concatenate(groups), 0.3, 0.01, 0)[1]) >= 700


@pytest.mark.parametrize(("n", "gaussians"), [(5, 1), (120, 2), (5000, GAUSSIANS)])
def test_every_gaussian_has_fifty_samples(n, gaussians):
    assert without_heaps(normal(n), 0.0, 0.01, 0)[0].n_components == gaussians


def test_samples_beyond_those_that_em_sees_are_sorted_out_as_well(monkeypatch):
    monkeypatch.setattr("poleward.scoring.heaps.MOST_SAMPLES", 500)
    rows = bulk(np.concatenate([normal(4800), normal(200, 9.0, 0.1)]), seed=0)
    assert rows.max() < 4800


def test_a_small_group_in_the_midst_of_the_others_is_no_heap():
    shell = normal(960)
    shell *= 4 / np.linalg.norm(shell, axis=1, keepdims=True)
    samples = np.concatenate([shell, normal(40, 0.0, 0.05)])
    apart = without_heaps(samples, 0.08, 0.01, 0)[1]
    assert apart.max() < 960  # by weight alone it would be one
    assert (bulk(samples, seed=0) >= 960).sum() == 40


def test_oddness_is_compared_with_that_of_samples_in_larger_groups():
    groups, light = np.repeat([0, 1, 2], [80, 10, 10]), np.array([False, True, True])
    oddness = np.concatenate([np.arange(80.0), np.full(10, 70.0), np.full(10, 60.0)])
    assert odd_groups(groups, light, oddness).tolist() == [False, True, False]


def test_where_every_group_is_light_none_is_a_heap():
    assert not odd_groups(np.array([0, 1]), np.array([True, True]), np.array([0.0, 9.0])).any()
