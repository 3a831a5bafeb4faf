"""Whether the detector keeps scikit-learn's grammar: its own checks, pipelines, searches, clones, copies."""

import pickle
from io import BytesIO

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from poleward.detector.detector import Detector


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(size=(120, 3))


def quick(**settings):
    return Detector(**{"epochs": 1, "n_latent": 3, "random_state": 0} | settings)


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"objective": "variational", "scorer": "reconstruction", "contamination": 0.1},
        {"objective": "norm", "scorer": "norm", "contamination": "auto"},
    ],
    ids=str,
)
def test_every_check_of_scikit_learn_passes_with_none_skipped_or_excused(settings):
    checks = check_estimator(Detector(epochs=1, n_latent=3, **settings), on_skip=None, on_fail=None)
    assert len(checks) > 40
    assert [(c["check_name"], c["status"], c["exception"]) for c in checks if c["status"] != "passed"] == []
    assert not any(check["expected_to_fail"] for check in checks)


def test_labels_are_ignored(rows):
    one, other = quick().fit(rows), quick().fit(rows, y=np.arange(len(rows)))
    assert np.array_equal(one.score_samples(rows), other.score_samples(rows))


def test_it_stands_at_the_end_of_a_pipeline(rows):
    pipeline = make_pipeline(StandardScaler(), quick()).fit(rows)
    assert set(pipeline.predict(rows)) <= {-1, 1}
    assert pipeline.score_samples([[0.0, 0, 0]]) > pipeline.score_samples([[90.0, -90, 90]])


def test_it_stands_in_the_middle_of_a_pipeline_as_a_transformer(rows):
    pipeline = make_pipeline(quick(), StandardScaler()).fit(rows)
    assert pipeline.transform(rows).shape == (120, 3)
    assert list(pipeline.get_feature_names_out()) == ["detector0", "detector1", "detector2"]


def test_a_grid_search_chooses_by_labels_that_fitting_never_sees(rows):
    odd = np.arange(len(rows)) % 6 == 0
    X = np.where(odd[:, None], 30 * rows, rows)

    def auroc(detector, X, y):
        return roc_auc_score(y, -detector.score_samples(X))

    search = GridSearchCV(quick(), {"scorer": ["input-knn", "norm"], "n_latent": [2, 3]}, scoring=auroc, cv=2)
    search.fit(X, odd)
    assert search.best_score_ > 0.9
    assert search.best_estimator_.score_samples(X).shape == (120,)


def test_a_clone_has_the_settings_and_nothing_that_was_learned(rows):
    detector = quick(types={"x0": "numeric"}, alpha=0.2).fit(rows)
    copy = clone(detector)
    assert copy.get_params() == detector.get_params()
    with pytest.raises(NotFittedError):
        copy.score_samples(rows)


@pytest.mark.parametrize("through", [joblib, pickle], ids=["joblib", "pickle"])
def test_a_dumped_detector_scores_the_same(rows, through):
    detector, file = quick().fit(rows), BytesIO()
    through.dump(detector, file)
    file.seek(0)
    assert np.array_equal(through.load(file).score_samples(rows), detector.score_samples(rows))


def test_codes_come_as_a_data_frame_when_asked_for(rows):
    codes = quick().set_output(transform="pandas").fit_transform(pd.DataFrame(rows, columns=["a", "b", "c"]))
    assert isinstance(codes, pd.DataFrame)
    assert list(codes.columns) == ["detector0", "detector1", "detector2"]


def test_signs_are_those_of_scikit_learn(rows):
    detector = quick(scorer="input-knn").fit(rows)
    X = np.concatenate([rows[:20], 50 + rows[:20]])
    scores, decisions = detector.score_samples(X), detector.decision_function(X)
    assert scores[:20].min() > scores[20:].max()
    assert np.array_equal(decisions, scores - detector.offset_)
    assert np.array_equal(detector.predict(X), np.where(decisions < 0, -1, 1))
    assert detector.predict(X)[20:].tolist() == [-1] * 20


def test_fit_predict_is_predict_after_fit(rows):
    assert np.array_equal(quick().fit_predict(rows), quick().fit(rows).predict(rows))


@pytest.mark.parametrize("contamination", [0.05, 0.1, 0.5])
def test_contamination_is_the_share_of_training_rows_that_is_flagged(rows, contamination):
    detector = quick(contamination=contamination).fit(rows)
    assert (detector.predict(rows) == -1).sum() == round(contamination * len(rows))


@pytest.mark.usefixtures("as_installed")
def test_numbers_of_numpy_are_settings_like_any_other(rows, tmp_path):
    numbers = {
        "n_latent": np.int64(3),
        "epochs": np.int32(1),
        "learning_rate": np.float32(1e-3),
        "alpha": np.float64(0.1),
    }
    detector = Detector(**numbers, random_state=np.int64(0)).fit(rows)
    detector.save(tmp_path / "model")
    assert np.array_equal(Detector.load(tmp_path / "model").score_samples(rows), detector.score_samples(rows))


def test_the_same_random_state_gives_the_same_detector(rows):
    one, other, third = (quick(random_state=seed).fit(rows).score_samples(rows) for seed in (1, 1, 2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)


def test_global_generators_are_left_alone(rows):
    before = legacy_state(), torch.get_rng_state()
    quick().fit(rows).sample(3)
    assert legacy_state() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def legacy_state():
    return np.random.get_state()[1].tolist()  # noqa: NPY002 - it is the one that must stay as it is
