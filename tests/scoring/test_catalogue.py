import numpy as np
import pytest

from poleward.errors import SettingError
from poleward.records import Encoded
from poleward.scoring.catalogue import IMAGE_VIEWS, SCORERS, Circumstances, build_scorer
from poleward.scoring.scorer import Scorer

every_scorer = pytest.mark.parametrize("name", SCORERS)
SHAPE = (1, 12, 12)
"""Images, or rows of 144 columns: what every scorer can read."""


def encoded(n, seed, wanted, gaps=False):
    """Hand-made samples: what a scorer asks for, and nothing else."""
    rng = np.random.default_rng(seed)
    cells = int(np.prod(SHAPE))
    fields = {
        "inputs": rng.normal(size=(n, cells)),
        "observed": rng.random((n, cells)) > 0.2 if gaps else None,
        "means": rng.normal(size=(n, 4)),
        "log_variances": rng.normal(size=(n, 4)),
        "reconstructions": rng.normal(size=(n, cells)),
    }
    return Encoded(**{name: field for name, field in fields.items() if name in wanted})


def build(name, shape=SHAPE):
    return build_scorer(name, Circumstances(n_neighbors=3, seed=0, weight=2.0, shape=shape))


def fitted(name, gaps=False):
    scorer = build(name)
    return scorer.fit(encoded(80, 0, scorer.learns, gaps))


def score(scorer, n=30, gaps=False):
    return scorer.score(encoded(n, 1, scorer.needs, gaps), np.arange(n) % 3 == 0)


@every_scorer
@pytest.mark.parametrize("gaps", [False, True])
def test_scores_are_one_finite_double_a_sample(name, gaps):
    found = score(fitted(name, gaps), gaps=gaps)
    assert found.shape == (30,) and found.dtype == np.float64
    assert np.isfinite(found).all() and len(set(found)) == 30


@every_scorer
@pytest.mark.parametrize("gaps", [False, True])
def test_a_scorer_restored_from_its_arrays_gives_the_same_scores(name, gaps):
    scorer = fitted(name, gaps)
    arrays = {key: array.copy() for key, array in scorer.arrays().items()}
    assert np.array_equal(score(build(name).restore(arrays), gaps=gaps), score(scorer, gaps=gaps))


@every_scorer
def test_a_restored_scorer_gives_back_the_arrays_it_was_given(name):
    arrays = fitted(name).arrays()
    again = build(name).restore(arrays).arrays()
    assert again.keys() == arrays.keys()
    assert all(np.array_equal(again[key], arrays[key]) for key in arrays)
    assert all(array.dtype != object for array in arrays.values())


@every_scorer
def test_a_score_does_not_depend_on_the_other_samples(name):
    scorer = fitted(name)
    samples, unseen = encoded(30, 1, scorer.needs), np.zeros(30, bool)
    together = scorer.score(samples, unseen)
    parts = {key: field for key, field in vars(samples).items() if field is not None}
    alone = [
        scorer.score(Encoded(**{key: field[[i]] for key, field in parts.items()}), unseen[[i]])[0] for i in range(30)
    ]
    assert np.allclose(alone, together, rtol=1e-13, atol=0)


@every_scorer
def test_scoring_changes_nothing(name):
    scorer = fitted(name)
    first = score(scorer)
    score(scorer, n=7)
    assert np.array_equal(score(scorer), first)


@every_scorer
def test_what_it_learns_from_is_among_what_it_needs(name):
    scorer = build(name)
    assert isinstance(scorer, Scorer)
    assert scorer.learns <= scorer.needs <= set(Encoded.__dataclass_fields__)


@pytest.mark.parametrize("name", ["knn", "knn-sphere", "knn-whitened", "input-knn", "input-knn-whitened"])
def test_the_number_of_neighbours_reaches_the_scorer(name):
    few, many = (build_scorer(name, Circumstances(k, 0, 1.0, shape=SHAPE)) for k in (1, 20))
    for scorer in (few, many):
        scorer.fit(encoded(80, 0, scorer.learns))
    assert (score(many) > score(few)).all()


@pytest.mark.parametrize("name", ["isolation-forest", "input-isolation-forest"])
def test_the_seed_reaches_the_forest(name):
    one, other = (build_scorer(name, Circumstances(3, seed, 1.0)) for seed in (0, 1))
    for scorer in (one, other):
        scorer.fit(encoded(80, 0, scorer.learns))
    assert not np.array_equal(score(one), score(other))


def test_the_weight_reaches_the_norm_score():
    light, heavy = (build_scorer("norm", Circumstances(3, 0, weight)) for weight in (0.0, 1.0))
    norms = np.sqrt(np.square(encoded(30, 1, {"means", "inputs", "reconstructions"}).means).mean(axis=1))
    assert score(heavy) - score(light) == pytest.approx(norms)


def test_the_default_looks_at_images_and_at_rows_in_ways_that_suit_them():
    assert "input-patches" in build("fused").views
    assert "input-mixture" in build("fused", shape=(144,)).views


@pytest.mark.parametrize("name", IMAGE_VIEWS)
def test_a_scorer_of_images_says_so_where_there_are_none(name):
    with pytest.raises(SettingError, match=f"scorer '{name}' is for images"):
        build(name, shape=(144,))


def test_an_unknown_scorer_is_named_with_the_known_ones():
    with pytest.raises(SettingError, match="scorer 'lof' is unknown; choose one of fused, knn"):
        build_scorer("lof", Circumstances(3, 0, 1.0))


def test_where_all_samples_are_known_to_be_normal_a_rare_kind_is_as_normal_as_any():
    rng = np.random.default_rng(0)
    inputs = np.concatenate([rng.normal(size=(480, 4)), 6 + 0.3 * rng.normal(size=(20, 4))])
    train, rare = Encoded(inputs=inputs, means=inputs), np.arange(480, 500)
    told, thought = (
        build_scorer("fused", Circumstances(3, 0, 1.0, shape=(4,), all_normal=known)).fit(train)
        for known in (True, False)
    )
    new = Encoded(inputs=inputs + 0.1, means=inputs + 0.1)
    ranks = [np.argsort(np.argsort(scorer.score(new, np.zeros(500, bool))))[rare] for scorer in (told, thought)]
    assert np.median(ranks[0]) < 400
    assert ranks[1].min() >= 480
