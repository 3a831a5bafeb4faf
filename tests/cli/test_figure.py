from pathlib import Path

import numpy as np
import pytest
import typer

from poleward.cli.figure import NAMES, figure, portrait, told_apart
from poleward.cli.options import SourceOptions, with_source_options
from poleward.data.rankings import read_ranking
from poleward.data.truth import read_truth
from poleward.errors import SettingError
from poleward.report.figures import KINDS

pytest.importorskip("matplotlib", reason="figures need the extra `report`")


@pytest.fixture
def draw(here):
    app = typer.Typer()
    app.command()(with_source_options(figure))

    def run(*words):
        app([str(word) for word in words], standalone_mode=False)
        return here()

    return run


@pytest.mark.parametrize("kind", NAMES)
def test_every_kind_is_drawn(kind, draw, sources, models, capsys):
    assert draw(models / "table", sources / "table.csv", "--kind", kind, "--out", "f.png") == ["f.png"]
    assert capsys.readouterr().out == "The figure lies in f.png\n"


def test_the_kinds_it_names_are_those_there_are():
    assert set(NAMES) == set(KINDS)


def test_two_models_are_drawn_beside_each_other(draw, sources, models, here):
    words = [models / "images", sources / "images", "--kind", "sphere"]
    draw(*words, "--out", "one.svg")
    draw(*words, "--beside", models / "images", "--out", "two.svg")
    width = {name: (here / name).read_text().split('width="')[1].split("pt")[0] for name in ("one.svg", "two.svg")}
    assert float(width["two.svg"]) > 1.9 * float(width["one.svg"])


def test_it_draws_the_scores_that_are_written(poleward, sources, models, here):
    poleward("score", models / "table", sources / "table.csv", "--out", "s.csv")
    known = read_truth(None, sources / "table.csv")
    found = portrait("m", models / "table", sources / "table.csv", SourceOptions(), known, True, "cpu")
    np.testing.assert_array_equal(found.scores, read_ranking("s.csv").score)
    np.testing.assert_array_equal(found.is_anomaly, np.arange(120) % 10 == 0)
    assert found.codes.shape == (120, 3) and found.cosines.shape == (120, 2)


def test_a_sample_without_a_verdict_is_left_out_where_the_truth_is_known(sources, models, here):
    (here / "truth.csv").write_text("id,odd\n00.png,0\n01.png,0\n38.png,1\n39.png,\n")
    known = read_truth(Path("truth.csv"), sources / "images")
    found = portrait("m", models / "images", sources / "images", SourceOptions(), known, True, "cpu")
    assert len(found.scores) == len(found.codes) == len(found.is_anomaly) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kind", "pie", "--out", "f.png"], "--kind is 'pie'; choose one of roc, sphere, angles, histogram"),
        (["--kind", "roc", "--out", "f.gif"], "f.gif"),
        (["--kind", "roc", "--out", "f.png", "--truth-column", "verdict"], "verdict"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_computed(draw, sources, models, words, said, monkeypatch):
    monkeypatch.setattr("poleward.cli.figure.portrait", lambda *given: pytest.fail("computed"))
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        draw(models / "table", sources / "table.csv", *words)


def test_codes_of_two_dimensions_have_no_sphere(poleward, draw, sources):
    poleward("fit", sources / "table.csv", "--out", "m", "--epochs", 1, "--n-latent", 2)
    with pytest.raises(SettingError, match="at least 3 dimensions"):
        draw("m", sources / "table.csv", "--kind", "sphere", "--out", "f.png")


def test_models_of_one_name_are_told_apart_by_their_path():
    assert told_apart([Path("a/m"), Path("b/m")]) == ["a/m", "b/m"]
    assert told_apart([Path("a/m"), Path("b/n")]) == ["m", "n"]
