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
    fused = Fused({"a": Length(), "b": Length(2.0)})
    fused.scales = np.array([[1.0, 2.0], [3.0, 4.0]])
    new = samples(4, seed=1)
    s = np.linalg.norm(new.means, axis=1)
    expected = (np.arcsinh((s - 1) / 2) + np.arcsinh((2 * s - 3) / 4)) / 2
    assert fused.score(new, no(4)) == pytest.approx(expected)


def test_the_scale_is_that_of_samples_the_view_has_not_met():
    class Remembers(Scorer):
        """1 for a sample met, 5 or so for another."""

        needs = learns = frozenset({"means"})

        def fit(self, encoded):
            self.met = set(encoded.means[:, 0])
            return self

        def score(self, encoded, trained_on):
            return np.array([1.0 if x in self.met else 5 + x for x in encoded.means[:, 0]])

    train = samples(300)
    fused = Fused({"a": Remembers()}).fit(train)
    assert fused.scales[0, 0] == pytest.approx(5.0, abs=0.5)
    assert (fused.score(train, no(300)) < -1).all()  # and in the end it has met them all


def test_an_ordinary_sample_scores_near_nought():
    scores = Fused({"a": KNearest("means", Plain(), 3)}).fit(samples(500)).score(samples(500, seed=1), no(500))
    assert abs(np.median(scores)) < 0.2
    assert np.percentile(scores, 84) - np.percentile(scores, 16) == pytest.approx(1.8, abs=0.4)


def test_each_views_part_can_be_seen():
    fused = Fused({"a": Length(), "b": Reconstruction()}).fit(samples(200))
    new = samples(50, seed=1)
    parts = fused.scores(new, no(50))
    assert list(parts) == ["a", "b"]
    assert (parts["a"] + parts["b"]) / 2 == pytest.approx(fused.score(new, no(50)))


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


def with_a_heap(n=500, n_heap=20, seed=0):
    """Normal samples, and last of all some close together far away."""
    rng = np.random.default_rng(seed)
    inputs = np.concatenate([rng.normal(size=(n, 4)), 6 + 0.05 * rng.normal(size=(n_heap, 4))])
    return Encoded(inputs=inputs, means=inputs)


def test_a_view_of_the_bulk_finds_a_heap_that_was_trained_on():
    train, new = with_a_heap(), with_a_heap(seed=1)
    views = {"near": KNearest("means", Plain(), 3)}
    everything, outside = (Fused(views, of_bulk=names).fit(train).score(new, no(520)) for names in ([], ["near"]))
    assert np.median(everything[-20:]) < np.median(everything[:-20])
    assert outside[-20:].min() > outside[:-20].max()


def test_neighbours_of_a_view_of_the_bulk_are_named_by_their_rows_among_all_samples():
    train = with_a_heap()
    turned = Encoded(inputs=train.inputs[::-1], means=train.means[::-1])  # the heap comes first
    fused = Fused({"near": KNearest("means", Plain(), 3)}, of_bulk=["near"]).fit(turned)
    rows, distances = fused.nearest(turned.take([200, 300]), np.zeros(2, bool))
    assert rows[:, 0].tolist() == [200, 300]
    assert distances[:, 0].tolist() == [0.0, 0.0]
    assert rows.min() >= 20


def test_samples_taken_in_later_are_rows_after_all_others_in_a_restored_scorer_too():
    train, later = with_a_heap(), samples(5, seed=2)
    views = {"near": KNearest("means", Plain(), 3)}
    fused = Fused(views, of_bulk=["near"]).fit(train)
    again = Fused({"near": KNearest("means", Plain(), 3)}, of_bulk=["near"]).restore(fused.arrays())
    more = Encoded(inputs=later.inputs[:, :4] + 20, means=later.inputs[:, :4] + 20)
    rows, _ = again.extend(more).nearest(more, np.zeros(5, bool))
    assert rows[:, 0].tolist() == [520, 521, 522, 523, 524]
