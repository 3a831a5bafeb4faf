import jaxtyping
import pytest


@pytest.fixture
def as_installed(monkeypatch):
    """The package as its users have it: values of a wrong type reach the code that has to refuse or convert them."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
