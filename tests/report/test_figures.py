import subprocess
import sys

import numpy as np
import pytest

from poleward.errors import OutputError, SettingError
from poleward.report import figures
from poleward.report.figures import KINDS, Portrait, require_drawable, write_figure

pytest.importorskip("matplotlib", reason="figures need the extra `report`")

SIGNATURES = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


def portrait(name="compressed", n=60, *, with_truth=True, seed=0):
    rng = np.random.default_rng(seed)
    is_anomaly = np.arange(n) % 5 == 0
    codes = rng.normal(size=(n, 9))
    cosines = rng.uniform(-1, 1, (n, 8))
    return Portrait(name, rng.normal(size=n) + is_anomaly, 1.5, is_anomaly if with_truth else None, codes, cosines)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", SIGNATURES)
def test_every_kind_is_written_in_every_form(kind, ending, tmp_path):
    path = tmp_path / "new" / f"figure{ending}"
    write_figure(path, KINDS[kind]([portrait(), portrait("variational", seed=1)]))
    assert path.read_bytes().startswith(SIGNATURES[ending])
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", SIGNATURES)
def test_the_same_data_give_the_same_bytes(ending, tmp_path):
    for name in "ab":
        write_figure(tmp_path / f"{name}{ending}", KINDS["sphere"]([portrait()]))
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "roc"])
def test_without_the_truth_a_figure_is_still_drawn(kind, tmp_path):
    write_figure(tmp_path / "f.svg", KINDS[kind]([portrait(with_truth=False)]))
    assert "anomalous" not in (tmp_path / "f.svg").read_text()


def test_a_roc_curve_needs_the_truth():
    with pytest.raises(SettingError, match="compressed: a ROC curve needs to know"):
        KINDS["roc"]([portrait(with_truth=False)])


@pytest.mark.parametrize(("kind", "word"), [("sphere", "codes"), ("angles", "cosines")])
def test_a_figure_of_the_latent_space_needs_codes(kind, word):
    with pytest.raises(SettingError, match=word):
        KINDS[kind]([Portrait("plain", np.arange(5.0), 3.0)])


def test_a_perfect_ranking_runs_along_the_top_left():
    scores = np.arange(10.0)
    axes = KINDS["roc"]([Portrait("m", scores, 5.0, scores > 6)]).axes[0]
    curve = next(line for line in axes.lines if line.get_label() == "m, AUROC 1.000")
    assert (0.0, 1.0) in [(x, y) for x, y in curve.get_xydata().tolist()]


def test_the_bars_of_a_histogram_sum_to_the_samples():
    given = portrait()
    scores = np.append(given.scores, 1e6)  # far beyond the axis
    axes = KINDS["histogram"]([Portrait("m", scores, 1.5)]).axes[0]
    outline = axes.patches[0].get_xy()
    heights = outline[1:-1:2][: len(np.unique(outline[:, 0])) - 1, 1]
    assert heights.sum() == len(scores)
    assert "and above" in axes.get_xlabel()


def test_a_point_in_front_covers_one_behind():
    codes = np.array([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]])
    axes = KINDS["sphere"]([Portrait("m", np.arange(2.0), 1.0, np.array([True, False]), codes)]).axes[0]
    cloud = axes.collections[0]
    assert cloud.get_facecolors()[-1][:3] == pytest.approx([0xD5 / 255, 0x5E / 255, 0.0], abs=1e-3)


@pytest.mark.parametrize("name", ["figure.jpg", "figure"])
def test_another_ending_is_refused(name, tmp_path):
    with pytest.raises(SettingError, match=r"\.png, \.pdf, \.svg"):
        require_drawable(tmp_path / name)


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "f.png").mkdir()
    with pytest.raises(OutputError, match=r"f\.png: is a folder already"):
        write_figure(tmp_path / "f.png", KINDS["histogram"]([portrait()]))
    assert [path.name for path in tmp_path.iterdir()] == ["f.png"]


def test_without_matplotlib_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r'pip install "poleward\[report\]"'):
        require_drawable(tmp_path / "f.png")


def test_matplotlib_is_not_imported_before_a_figure_is_drawn():
    code = "import sys, poleward.report.figures, poleward.cli.figure; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
