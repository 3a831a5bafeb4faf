import numpy as np
import pytest

from poleward.errors import SettingError
from poleward.ood.catalogue import NAMES


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"objective": "compressed"}, "objective = 'compressed': choose one of islands"),
        ({"scorer": "fast"}, "scorer = 'fast': choose one of fused"),
        ({"width": 0}, "width = 0: accepted is None or a whole number of at least 1"),
        ({"width": 2.5}, "width = 2.5"),
        ({"epochs": 0}, "epochs = 0"),
        ({"alpha": 1}, "alpha = 1"),
        ({"calibration_share": 0.95}, "calibration_share = 0.95"),
        ({"augment": "yes"}, "augment = 'yes': accepted is True or False"),
        ({"nodata": "x"}, "nodata = 'x'"),
        ({"device": "abacus"}, "device 'abacus' is not available here"),
        ({"random_state": -1}, "random_state = -1"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("as_installed")
def test_a_setting_that_is_not_accepted_is_refused_with_what_is(make_classifier, make_heaps, settings, said):
    with pytest.raises(SettingError, match=said):
        make_classifier(**settings).fit(*make_heaps())


@pytest.mark.parametrize("scorer", NAMES)
def test_every_score_of_features_and_logits_can_be_asked_for(make_classifier, make_heaps, scorer):
    X, y = make_heaps()
    classifier = make_classifier(scorer=scorer, n_neighbors=5).fit(X, y)
    scores = classifier.score_samples(X)
    assert np.isfinite(scores).all()
    assert np.ptp(scores) > 0


def test_a_score_that_needs_a_linear_head_is_refused_where_there_is_none(make_classifier, make_heaps):
    with pytest.raises(SettingError, match="scorer 'vim' needs logits that are linear"):
        make_classifier(scorer="vim", objective="cider").fit(*make_heaps())
