import numpy as np
import pytest

from poleward.classifier.memory import Memory


def memory_of(trained):
    n = len(trained)
    none = np.zeros((n, 1), np.float32)
    return Memory(
        tuple("abcdefgh"[:n].ljust(n)), np.arange(n, dtype=np.uint64), np.zeros(n, np.int64), trained, none, none, none
    )


def test_what_shows_the_scales_does_not_calibrate_and_neither_was_trained_on():
    trained = np.arange(900) % 9 != 0
    for_scale, calibrating = memory_of(trained).aside(fused=True)
    assert len(for_scale) == 25 and len(calibrating) == 75
    assert sorted([*for_scale, *calibrating]) == np.flatnonzero(~trained).tolist()
    assert for_scale.max() > 600 and for_scale.min() < 300


@pytest.mark.parametrize(("n_aside", "fused"), [(100, False), (79, True), (0, True)])
def test_all_kept_aside_calibrate_where_no_fusion_needs_some_or_they_are_few(n_aside, fused):
    trained = np.arange(200) >= n_aside
    for_scale, calibrating = memory_of(trained).aside(fused)
    assert not len(for_scale) and calibrating.tolist() == list(range(n_aside))
