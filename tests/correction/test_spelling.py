import numpy as np
import pytest

from poleward.correction.spelling import FARTHEST, Trigrams, nearest


@pytest.mark.parametrize("text", ["birminghxm", "birmngham", "birminghamm", "brimingham"])
def test_one_wrong_letter_leads_back_to_the_known_value(text):
    near = nearest([text], ["dothan", "birmingham"])
    assert near.slot[0, 0] == 1 and np.isfinite(near.log_likelihood[0, 0])


def test_a_value_is_no_misspelling_of_itself():
    assert (nearest(["dothan"], ["dothan"]).slot == -1).all()


def test_nothing_tells_what_was_meant_when_too_many_letters_are_wrong():
    text = "x" * round(10 * FARTHEST + 1) + "ingham"[: 9 - round(10 * FARTHEST)]
    assert (nearest([text], ["birmingham"]).slot == -1).all()


def test_fewer_edits_are_likelier():
    near = nearest(["birminghxm"], ["birminghax", "birmingham"])
    assert near.slot[0, :2].tolist() == [1, 0]
    assert near.log_likelihood[0, 0] > near.log_likelihood[0, 1] > -np.inf


def test_without_known_values_there_is_nothing_near():
    assert (nearest(["bern"], []).slot == -1).all()


def test_new_values_that_read_like_the_others_are_likelier():
    reading = Trigrams.of([f"{n} patients" for n in range(60)], np.ones(60))
    usual, strange = reading.log_probability(["71 patients", "7x patxents"])
    assert usual > strange + 5


def test_trigrams_survive_storage():
    reading = Trigrams.of(["bern", "basel"], np.array([1.0, 2.0]))
    again = Trigrams.from_arrays(reading.to_arrays())
    assert again.log_probability(["bern", "x"]).tolist() == reading.log_probability(["bern", "x"]).tolist()
