import numpy as np
import pytest

from poleward.records import Encoded
from poleward.scoring.structure import ContrastReconstruction

SHAPE = (1, 16, 16)


def no(n):
    return np.zeros(n, bool)


def drawn(n, seed=0, noise=0.0):
    """Images of waves, and reconstructions that know the left half and not the right one."""
    rng = np.random.default_rng(seed)
    images = 0.5 + 0.3 * np.sin(np.arange(16) / 2 + rng.uniform(0, 6, (n, 1, 1, 1))) * np.ones((1, 1, 16, 1))
    images = images + 0.02 * rng.normal(size=images.shape)
    expected = images.copy()
    expected[..., 8:] = rng.permutation(images[..., 8:])
    return images, expected


def encoded(images, expected):
    return Encoded(inputs=images.reshape(len(images), -1), reconstructions=expected.reshape(len(images), -1))


def test_only_where_reconstructions_are_right_do_errors_count():
    weights = ContrastReconstruction(SHAPE).fit(encoded(*drawn(200))).arrays()["weights"].reshape(16, 16)
    assert weights[:, :4].min() > 0.5 and weights[:, 12:].max() < 0.05


@pytest.mark.parametrize(("columns", "odd"), [(slice(1, 4), True), (slice(13, 16), False)])
def test_a_spot_is_odd_where_it_should_not_be(columns, odd):
    scorer = ContrastReconstruction(SHAPE).fit(encoded(*drawn(200)))
    images, expected = drawn(40, seed=1)
    before = scorer.score(encoded(images, expected), no(40))
    images[:, :, 5:8, columns] += 0.4
    after = scorer.score(encoded(images, expected), no(40))
    assert (np.median(after) > 5 * np.median(before)) == odd


def test_a_change_of_light_is_no_error():
    images, expected = drawn(50)
    scorer = ContrastReconstruction(SHAPE).fit(encoded(images, expected))
    brighter = scorer.score(encoded(images + 0.3, expected), no(50))
    assert brighter == pytest.approx(scorer.score(encoded(images, expected), no(50)), abs=1e-6)


def test_reconstructions_that_explain_nothing_still_give_an_order():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(60, 1, 16, 16))
    scorer = ContrastReconstruction(SHAPE).fit(encoded(images, rng.normal(size=images.shape)))
    scores = scorer.score(encoded(images, 0 * images), no(60))
    assert len(set(scores)) == 60
