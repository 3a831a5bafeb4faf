import numpy as np
import pytest
import torch

from poleward.benchmark import published
from poleward.benchmark.contenders import Effort
from poleward.benchmark.images import made_data_sets
from poleward.benchmark.published import MIXED, MODES, PUBLISHED, PURE, batches_of, data_sets, ranked_batches
from poleward.benchmark.splits import chosen


@pytest.fixture(scope="module")
def split():
    return made_data_sets()[0].split(0)


def test_pure_batches_hold_one_kind_and_every_sample_once(split):
    batches = ranked_batches(split)
    for mode in (PURE, MIXED):
        assert sorted(np.concatenate(batches[mode])) == list(range(len(split.test)))
    assert all(len(set(split.is_anomaly[batch])) == 1 for batch in batches[PURE])
    assert all(len(set(split.is_anomaly[batch])) == 2 for batch in batches[MIXED])


def test_batches_are_near_the_published_size():
    assert [len(batch) for batch in batches_of(np.arange(1000))] == [200] * 5


def test_every_row_is_scored_in_every_mode_from_one_training(split, monkeypatch):
    trainings = []
    fitted = published.fitted
    monkeypatch.setattr(published, "fitted", lambda *said: trainings.append(said) or fitted(*said))
    found = PUBLISHED[0].scores(split, Effort(epochs=1))
    assert set(found) == set(PUBLISHED[0].rows) and len(found) == 3 * len(MODES) and len(trainings) == 1


def test_batch_statistics_make_a_score_depend_on_its_batch_and_evaluation_mode_does_not(split):
    model = published.fitted(split, published.Detector(scorer="knn", n_latent=4, epochs=1).settings())
    features = model.preparation.encode(split.test)
    network = published.with_batch_statistics(model.ranker.autoencoder)
    whole, half = ([np.arange(len(features))], np.array_split(np.arange(len(features)), 2))
    for mode, same in ((network, False), (model.ranker.autoencoder, True)):
        one, other = (published.encoded(mode, features, batches, "cpu").means for batches in (whole, half))
        assert np.allclose(one, other, atol=1e-4) == same


def test_batches_give_samples_back_in_their_order(split):
    model = published.fitted(split, published.Detector(scorer="knn", n_latent=4, epochs=1).settings())
    features = model.preparation.encode(split.test)
    encoded = published.encoded(model.ranker.autoencoder, features, ranked_batches(split)[MIXED], "cpu")
    assert np.array_equal(encoded.inputs, features.values.reshape(len(features), -1))


def test_batch_statistics_leave_the_model_as_it_was(split):
    model = published.fitted(split, published.Detector(scorer="knn", n_latent=4, epochs=1).settings())
    before = {name: value.clone() for name, value in model.ranker.autoencoder.state_dict().items()}
    published.in_batches(model, split, ranked_batches(split)[PURE])
    assert all(torch.equal(value, before[name]) for name, value in model.ranker.autoencoder.state_dict().items())
    assert not any(part.training for part in model.ranker.autoencoder.modules())


def test_rows_that_read_labels_say_so_and_stand_apart():
    assert all(row.endswith(PURE) for one in PUBLISHED for row in one.apart)
    assert all(len(one.apart) == 3 for one in PUBLISHED)


def test_galaxies_are_the_usual_data(tmp_path):
    assert [one.data for one in chosen(data_sets(tmp_path, []), [])] == ["galaxy_zoo"]
