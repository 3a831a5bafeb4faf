import numpy as np
import pytest

from poleward.benchmark import high_dimensions
from poleward.benchmark.high_dimensions import DIMENSIONS, LIMIT, OBJECTIVES, Trained
from poleward.geometry import volume


def training(objective, quality, seed=0):
    rng = np.random.default_rng(seed)
    is_odd = np.arange(400) % 4 == 0
    codes = rng.normal(size=(400, 16)) + 2 * (objective == "compressed")
    return Trained(objective, rng.normal(size=400) + quality * is_odd, is_odd, codes, 2.0)


@pytest.mark.parametrize("n", DIMENSIONS)
def test_drawn_points_lie_where_the_formulas_say(n):
    place = high_dimensions.place(n)
    error = 4 / np.sqrt(high_dimensions.N_POINTS)
    assert high_dimensions.radii(n).mean() == pytest.approx(place["radius"], abs=error)
    assert high_dimensions.radii(n).std() == pytest.approx(place["thickness"], abs=error)
    near = np.abs(high_dimensions.first_cosines(n)) < np.cos(LIMIT)
    assert near.mean() == pytest.approx(place["equator"], abs=error)
    cosines = np.abs(np.cos(np.deg2rad(high_dimensions.pair_angles(n))))
    assert cosines.mean() == pytest.approx(place["cosine"], abs=error)


def test_the_tail_of_a_neighbour_score_shortens_with_every_dimension():
    spreads = [high_dimensions.place(n)["spread"] for n in DIMENSIONS]
    assert spreads == sorted(spreads, reverse=True)


def test_the_tail_counts_interquartile_ranges_above_the_normal_median():
    scores = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 6.0])
    found = Trained("compressed", scores, np.array([False] * 5 + [True]), np.ones((6, 3)), 4.0)
    assert found.tail.tolist() == [2.0]


def test_the_island_holds_19_of_20_normal_codes():
    found = training("compressed", 1.0)
    assert (found.polar_angles[~found.is_odd] <= found.island).mean() == pytest.approx(0.95, abs=0.01)


def test_odd_codes_opposite_to_the_island_lie_outside():
    found = training("compressed", 1.0)
    away = Trained("compressed", found.scores, found.is_odd, np.where(found.is_odd[:, None], -5.0, found.codes), 2.0)
    assert away.odd_inside == 0


def test_seeds_are_compared_one_by_one():
    trainings = [
        training(name, quality, seed) for seed in range(3) for name, quality in zip(OBJECTIVES, (0, 3), strict=True)
    ]
    assert high_dimensions.n_better(trainings) == 3
    found = high_dimensions.numbers(trainings)
    assert found["n_seeds"] == 3
    assert found["models"]["compressed"]["auroc"] > 0.9 > found["models"]["variational"]["auroc"]
    assert found["models"]["compressed"]["share"] < volume.log_share_within_angle(128, np.pi / 3)


def test_a_training_gives_scores_and_codes_of_the_same_samples():
    found = high_dimensions.trained("compressed", seed=0, epochs=1)
    assert len(found.scores) == len(found.codes) == len(found.is_odd) == len(found.cosines)
    assert found.codes.shape[1] == high_dimensions.N_LATENT
