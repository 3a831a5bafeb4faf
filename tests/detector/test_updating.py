import numpy as np
import pytest

from poleward.detector.detector import Detector
from poleward.detector.updating import updated
from poleward.errors import SourceError

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(300, 3))
NEW_KIND = RNG.normal(size=(60, 3)) * 0.3 + 9


@pytest.fixture(params=["input-knn", "fused"])
def detector(request):
    return Detector(scorer=request.param, epochs=1, n_latent=3, random_state=0, alpha=0.05).fit(NORMAL)


def test_what_is_like_a_false_alarm_that_was_added_is_none_any_more(detector):
    assert (detector.predict(NEW_KIND) == -1).all()
    detector.update(NEW_KIND[:40])
    assert (detector.predict(NEW_KIND[40:]) == 1).mean() > 0.5


def test_a_distance_to_neighbours_never_rises():
    detector = Detector(scorer="input-knn", epochs=1, n_latent=3, random_state=0).fit(NORMAL)
    others = RNG.normal(size=(50, 3))
    before = detector.score_samples(others)
    assert (detector.update(RNG.normal(size=(50, 3))).score_samples(others) >= before).all()


def test_added_samples_are_known_and_not_their_own_neighbours(detector):
    detector.update(NEW_KIND)
    ranking = detector.rank(NEW_KIND)
    assert ranking.in_training.all() and len(set(ranking.score)) > 1


def test_the_model_it_was_made_from_stays_as_it_was(detector):
    before = detector.score_samples(NEW_KIND)
    updated(detector.model_, [detector._samples(NEW_KIND)[1]])
    assert np.array_equal(detector.score_samples(NEW_KIND), before)


def test_it_is_the_same_after_saving(detector, tmp_path):
    detector.update(NEW_KIND)
    detector.save(tmp_path / "m")
    loaded = Detector.load(tmp_path / "m")
    assert np.array_equal(loaded.score_samples(NEW_KIND), detector.score_samples(NEW_KIND))
    assert loaded.model_.facts["updated_from"] == detector.model_.facts["updated_from"]
    assert len(loaded.model_.facts["updated_from"]) == 1


def test_an_added_sample_can_be_the_nearest_of_an_explanation(detector):
    detector.update(NEW_KIND)
    nearest = detector.explain(NEW_KIND[:5] + 0.01).nearest
    assert (nearest >= 300).any() and (nearest < 360).all()


def test_samples_that_are_known_or_come_twice_count_once(detector):
    detector.update(np.concatenate([NORMAL, NEW_KIND, NEW_KIND]))
    facts = detector.model_.facts
    assert facts["n_added"] + facts["n_calibration"] == 60 + 45


def test_nothing_new_is_refused(detector):
    with pytest.raises(SourceError, match="none of the samples is new"):
        detector.update(NORMAL[:50])


def test_unobserved_cells_of_new_samples_stay_unobserved():
    detector = Detector(scorer="input-knn", epochs=1, n_latent=3, random_state=0).fit(NORMAL)
    holed = NEW_KIND.copy()
    holed[::2, 0] = np.nan
    detector.update(holed)
    index = detector.model_.ranker.scorer.index
    assert index.observed is not None and index.observed[:255].all() and not index.observed[255:].all()
