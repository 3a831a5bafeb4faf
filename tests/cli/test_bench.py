import pytest


@pytest.mark.parametrize(("words", "said"), [(["sped"], "suite 'sped' is unknown"), (["--only", "x"], "--only is 'x'")])
def test_what_cannot_be_measured_is_refused(refused, words, said):
    assert said in refused("bench", *words)


def test_the_quick_form_writes_a_record(poleward, tmp_path):
    done = poleward("bench", "speed", "--quick", "--only", "neighbors", "--out", tmp_path)
    assert done.code == 0 and "k-NN, ours, s" in done.out
    assert (tmp_path / "speed-neighbors.json").is_file()
