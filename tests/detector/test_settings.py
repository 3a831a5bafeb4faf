import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poleward.detector.detector import Detector
from poleward.detector.settings import BOUNDS, CHOICES, OPTIONAL, WHOLE, Settings, resolve_device, seed_of
from poleward.errors import SettingError

DEFAULTS = {name: value for name, value in Detector().get_params().items() if name != "random_state"}


def with_(**changes):
    return Settings(**(DEFAULTS | changes))


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_that_there_is_not_is_refused_with_all_that_there_are(name):
    with pytest.raises(SettingError, match=f"{name} = 'sesame': choose one of {', '.join(CHOICES[name])}"):
        with_(**{name: "sesame"})


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize("name", BOUNDS)
def test_a_number_beyond_its_bounds_is_refused_with_what_is_accepted(name):
    low, high, accepted = BOUNDS[name]
    for value in (low - 1, 2 * high + 1, float("nan"), "3", True):
        with pytest.raises(SettingError, match=f"{name} = .*: accepted is {accepted}"):
            with_(**{name: value})


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize("name", BOUNDS)
def test_none_is_accepted_where_there_is_a_default_for_it(name):
    if name in OPTIONAL:
        assert getattr(with_(**{name: None}), name) is None
    else:
        with pytest.raises(SettingError, match=f"{name} = None"):
            with_(**{name: None})


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_count_is_a_whole_number_of_any_make(name):
    assert getattr(with_(**{name: np.int32(5)}), name) == 5
    with pytest.raises(SettingError):
        with_(**{name: 5.0})


def test_latent_dimensions_have_a_default_for_each_kind_of_data():
    assert with_().latent_dimensions("images") == 128  # the published one
    assert with_().latent_dimensions("table") == 32
    assert with_(n_latent=7).latent_dimensions("images") == 7


@given(st.integers(4, 10**7))
def test_more_samples_never_mean_more_epochs(n):
    for kind in ("images", "table"):
        assert 1 <= with_().epochs_for(kind, 2 * n) <= with_().epochs_for(kind, n) <= 100


def test_epochs_are_the_ones_asked_for():
    assert with_(epochs=3).epochs_for("images", 10**6) == 3


@given(st.integers(0, 2**32 - 1))
def test_a_whole_number_is_its_own_seed(seed):
    assert seed_of(seed) == seed_of(np.uint32(seed)) == seed


def test_a_generator_gives_another_seed_each_time():
    generator = np.random.RandomState(0)
    assert seed_of(generator) != seed_of(generator)
    assert seed_of(None) != seed_of(None)


@pytest.mark.parametrize("state", [-1, 2**32, "seven"])
def test_what_is_no_random_state_is_refused(state):
    with pytest.raises(SettingError, match="random_state"):
        seed_of(state)


def test_the_device_found_by_itself_can_be_computed_on():
    assert torch.ones(1, device=resolve_device("auto")).sum() == 1
    assert resolve_device("cpu") == "cpu"


@pytest.mark.parametrize("name", ["abacus", "cuda:99"])
def test_a_device_that_is_not_here_is_refused_in_one_line(name):
    with pytest.raises(SettingError, match=f"device '{name}' is not available here") as refused:
        resolve_device(name)
    assert "\n" not in str(refused.value)


def test_contamination_may_be_said_to_be_none():
    assert with_(contamination=0.0).contamination == 0


def test_contamination_may_be_left_to_be_estimated():
    assert with_(contamination="auto").contamination == "auto"
    for word in ("AUTO", "", "0.1"):
        with pytest.raises(SettingError, match=r"contamination = '.*': accepted is None, \"auto\" or a share"):
            with_(contamination=word)
