import numpy as np
import pytest

from poleward.ood.outputs import Head, Outputs

CLASSES, D = 4, 12


@pytest.fixture(scope="session")
def head():
    rng = np.random.default_rng(1)
    return Head(rng.normal(size=(CLASSES, D)), rng.normal(size=CLASSES))


@pytest.fixture(scope="session")
def known(head):
    """Outputs of 300 training samples in four clusters of positive features."""
    rng = np.random.default_rng(2)
    labels = rng.integers(0, CLASSES, 300)
    features = np.abs(0.3 * rng.normal(size=(300, D)) + 2 * np.maximum(head.weight[labels], 0))
    return Outputs(features, head.logits(features), labels)


@pytest.fixture(scope="session")
def new(head):
    """Outputs of 40 samples that belong to no cluster."""
    features = np.abs(np.random.default_rng(3).normal(size=(40, D)))
    return Outputs(features, head.logits(features))
