import numpy as np
import pytest

from poleward.records import Encoded
from poleward.scoring.fused import Fused
from poleward.scoring.knn import KNearest
from poleward.scoring.reconstruction import Reconstruction
from poleward.scoring.scorer import Scorer
from poleward.scoring.views import Plain


class Length(Scorer):
    """|z|, times a unit of measure."""

    needs = learns = frozenset({"means"})

    def __init__(self, unit=1.0):
        self.unit = unit

    def score(self, encoded, trained_on):
        return self.unit * np.linalg.norm(encoded.means, axis=1)


def samples(n, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n, 5))
    return Encoded(inputs=inputs, means=rng.normal(size=(n, 3)), reconstructions=inputs + rng.normal(size=(n, 5)))


def no(n):
    return np.zeros(n, bool)


def test_it_needs_what_its_views_need():
    fused = Fused({"a": Length(), "b": Reconstruction()})
    assert fused.needs == {"means", "inputs", "observed", "reconstructions"}


def test_one_view_alone_ranks_as_it_does_by_itself():
    train, new = samples(200), samples(50, seed=1)
    alone = Length().score(new, no(50))
    assert np.array_equal(np.argsort(Fused({"a": Length()}).fit(train).score(new, no(50))), np.argsort(alone))


def test_a_views_unit_of_measure_does_not_matter():
    train, new = samples(200), samples(50, seed=1)
    metres, miles = (Fused({"a": Length(unit), "b": Reconstruction()}).fit(train) for unit in (1.0, 1609.0))
    assert metres.score(new, no(50)) == pytest.approx(miles.score(new, no(50)))


def test_the_formula_holds():
    train, new = samples(200), samples(4, seed=1)
    expected = np.zeros(4)
    for view in (Length(), Reconstruction()):
        own, other = view.score(train, no(200)), view.score(new, no(4))
        t = np.log1p(own / np.median(own))
        expected += (np.log1p(other / np.median(own)) - t.mean()) / t.std() / 2
    assert Fused({"a": Length(), "b": Reconstruction()}).fit(train).score(new, no(4)) == pytest.approx(expected)


def test_the_scale_of_neighbours_is_that_of_samples_that_are_not_their_own():
    train = samples(300)
    fused = Fused({"a": KNearest("means", Plain(), 3)}).fit(train)
    assert fused.score(train, np.ones(300, bool)).mean() == pytest.approx(0.0, abs=1e-9)
    assert fused.score(train, no(300)).mean() < -0.1


def test_a_view_that_says_nothing_changes_no_order():
    train, new = samples(200), samples(50, seed=1)
    both = Fused({"a": Length(), "b": Length(0.0)}).fit(train).score(new, no(50))
    assert np.array_equal(np.argsort(both), np.argsort(Length().score(new, no(50))))


def test_a_view_whose_training_scores_hardly_differ_is_not_magnified():
    class Flat(Scorer):
        needs = learns = frozenset({"means"})

        def score(self, encoded, trained_on):
            return 5.0 + 1e-6 * encoded.means[:, 0]

    train, new = samples(200), samples(50, seed=1)
    assert abs(Fused({"a": Flat()}).fit(train).score(new, no(50))).max() < 0.01
