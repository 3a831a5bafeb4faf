import jaxtyping
import numpy as np
import pytest

from poleward.classifier.classifier import OpenSetClassifier


@pytest.fixture
def as_installed(monkeypatch):
    """The package as its users have it: values of a wrong type reach the code that has to refuse or convert them."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def heaps(n=90, n_classes=3, seed=0):
    """Rows of classes that lie apart, and their labels."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return rng.normal(size=(n, 4)) + 8 * np.eye(4)[y], np.array(["ant", "bee", "cat", "dog"])[y]


def quick(**settings):
    return OpenSetClassifier(
        **{"epochs": 10, "width": 16, "batch_size": 32, "learning_rate": 0.05, "random_state": 0} | settings
    )


@pytest.fixture
def make_heaps():
    return heaps


@pytest.fixture
def make_classifier():
    return quick


@pytest.fixture(scope="session")
def fitted():
    """A classifier of three heaps; not to be changed."""
    return quick().fit(*heaps())
