"""Whether the classifier keeps scikit-learn's grammar: its own checks, pipelines, searches, clones, copies."""

import pytest
from sklearn.utils.estimator_checks import check_estimator

from poleward.classifier.classifier import OpenSetClassifier


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize(
    "settings",
    [{}, {"objective": "cross-entropy", "scorer": "knn", "n_neighbors": 3}],
    ids=str,
)
def test_every_check_of_scikit_learn_passes_with_none_skipped_or_excused(settings):
    classifier = OpenSetClassifier(epochs=8, width=16, batch_size=32, learning_rate=0.05, **settings)
    checks = check_estimator(classifier, on_skip=None, on_fail=None)
    assert len(checks) > 40
    assert [(c["check_name"], c["status"], c["exception"]) for c in checks if c["status"] != "passed"] == []
    assert not any(check["expected_to_fail"] for check in checks)
