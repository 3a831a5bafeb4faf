import pytest

from poleward.errors import SettingError
from poleward.serve.keys import VARIABLE, Keys, read_keys


def test_without_keys_everybody_is_admitted():
    assert Keys().admit("") and not Keys()


def test_keys_of_a_file_come_before_the_environment(tmp_path):
    (tmp_path / "keys").write_text("first-key-of-all\n\n second-key-of-all \n")
    keys = read_keys(tmp_path / "keys", {VARIABLE: "a-key-of-the-environment"})
    admitted = ["first-key-of-all", "second-key-of-all", "a-key-of-the-environment", "", "FIRST-KEY-OF-ALL"]
    assert [keys.admit(key) for key in admitted] == [True, True, False, False, False]


def test_the_environment_may_hold_a_key():
    keys = read_keys(None, {VARIABLE: "a-key-of-the-environment"})
    assert keys.admit("a-key-of-the-environment") and not keys.admit("")
    assert not read_keys(None, {})


@pytest.mark.parametrize("text", ["", "\n \n", "short\n", "with-a-tab-\tinside-it\n", "not-äscii-but-long-enough\n"])
def test_keys_that_protect_nothing_are_refused(tmp_path, text):
    (tmp_path / "keys").write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match="API key"):
        read_keys(tmp_path / "keys", {})


def test_an_empty_variable_is_a_mistake():
    with pytest.raises(SettingError, match="at least 16"):
        read_keys(None, {VARIABLE: ""})


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingError, match="nowhere: API keys cannot be read"):
        read_keys(tmp_path / "nowhere", {})
