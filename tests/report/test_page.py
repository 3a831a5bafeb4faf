import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from poleward.records import CellEvidence, Evaluation, Example, LatentPoints, ReportContents
from poleward.report.page import CELLS_SHOWN, card, headline, p_value_text, picture_notes, render, residual_top
from poleward.report.sphere import script_source

HOSTILE = "<img src=x onerror=alert(1)>.png"
GRAPHICS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Every start tag of a page with its attributes, its text, and the tags left open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def picture(rank=1, bands=3, **changes):
    image = np.random.default_rng(rank).random((8, 9, bands))
    residual = np.abs(image - 0.5).mean(axis=-1)
    plain = Example(f"galaxy_{rank}.fits", rank, 9.0 / rank, 0.01, True, False)
    arrays = {"image": image, "reconstruction": np.full_like(image, 0.5), "residual": residual}
    return replace(plain, **arrays | changes)


def row(n_cells=3, **changes):
    cells = [CellEvidence(f"column_{i}", f"value_{i}", f"expected_{i}", 1 / n_cells, 0.5) for i in range(n_cells)]
    return replace(Example("row 17", 1, 9.0, 0.01, True, False), **{"cells": cells} | changes)


def contents(**changes):
    plain = ReportContents(
        title="Autumn survey",
        facts=[("Source", "galaxies/")],
        scores=np.arange(200.0),
        calibration_scores=np.arange(99.0),
        threshold=190.0,
        alpha=0.05,
        history={"loss": [3.0, 2.0, 1.0]},
        examples=[picture(1), picture(2)],
        typical=[picture(199)],
    )
    return replace(plain, **changes)


def points(n=5, **changes):
    rng = np.random.default_rng(0)
    codes, cosines = rng.normal(size=(n, 4)), rng.uniform(-1, 1, (n, 3))
    plain = LatentPoints([f"s{i}" for i in range(n)], codes, cosines, np.arange(float(n)), {"kind": ["a"] * n}, n)
    return replace(plain, **changes)


def evaluation():
    return Evaluation(190, 10, 0.9876, 0.7654, 0.1234, 0.4321, {100: 0.0975})


LABELS = np.arange(200) >= 190


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"examples": [row(30)], "typical": []},
        {"labels": LABELS, "evaluation": evaluation(), "warnings": ["3 files could not be read."]},
        {"facts": [], "history": {}, "examples": [], "typical": []},
        {"threshold": np.inf},
        {"thumbnails": np.zeros((300, 32, 32, 3), np.uint8)},
    ],
)
def test_the_page_is_well_formed_and_loads_nothing(changes):
    html = render(contents(**changes))
    page = Page(html)
    assert html.startswith("<!doctype html>") and page.open == []
    assert not page.all("script") and not page.all("link")
    assert all((tag.get("src") or "").startswith("data:image/") for tag in page.all("img"))
    assert not re.search(r"https?://|@import|url\(", html)


def test_the_page_forbids_scripts_and_the_network():
    policy = next(tag["content"] for tag in Page(render(contents())).all("meta") if "http-equiv" in tag)
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@pytest.mark.parametrize(
    "changes",
    [
        {"title": HOSTILE},
        {"facts": [(HOSTILE, HOSTILE)]},
        {"warnings": [HOSTILE]},
        {"history": {HOSTILE: [1.0, 2.0]}},
        {"examples": [picture(1, id=HOSTILE, label=HOSTILE)]},
        {"examples": [row(cells=[CellEvidence(HOSTILE, HOSTILE, HOSTILE, 1.0)])]},
    ],
)
def test_hostile_text_is_inert_and_shown(changes):
    page = Page(render(contents(**changes)))
    assert HOSTILE in page.text
    assert not any("onerror" in attrs for _, attrs in page.tags)


def test_with_a_sphere_the_policy_names_its_script_and_no_other():
    page = Page(render(contents(points=points())))
    policy = next(tag["content"] for tag in page.all("meta") if "http-equiv" in tag)
    assert policy.endswith(f"; script-src {script_source()}")
    assert len([tag for tag in page.all("script") if tag.get("type") != "application/json"]) == 1


def test_codes_of_two_dimensions_have_no_sphere():
    flat = replace(points(), codes=np.ones((5, 2)), cosines=np.ones((5, 1)))
    assert not Page(render(contents(points=flat))).all("canvas")


def test_a_draw_of_the_samples_is_called_one():
    assert "A fair draw of 5 of the 1,000 samples" in render(contents(points=points(n_samples=1000)))
    assert "A fair draw" not in render(contents(points=points()))


def test_the_name_of_a_point_cannot_end_the_script_that_it_stands_in():
    html = render(contents(points=points(ids=[HOSTILE, "</script>", "<!--", "a", "b"])))
    assert HOSTILE not in html and html.count("</script>") == 2 and "<!--" not in html


def test_an_attribute_cannot_be_left():
    page = Page(render(contents(examples=[picture(1, id='" onload="alert(1)')])))
    assert not any("onload" in attrs for _, attrs in page.tags)


def test_an_id_that_utf_8_cannot_write_is_shown_with_a_question_mark():
    assert "broken_?.png" in render(contents(examples=[picture(1, id="broken_\udcff.png")])).encode("utf-8").decode()


def test_the_headline_counts_scores_at_and_above_the_threshold():
    assert [figure.value for figure in headline(contents())] == ["200", "10", "190"]
    assert "About 10 would be flagged by chance" in headline(contents())[1].meaning


def test_an_unreachable_threshold_is_explained():
    threshold = headline(contents(threshold=np.inf, alpha=0.001))[2]
    assert threshold.value == "none"
    assert "99 calibration samples are too few for alpha = 0.001" in threshold.meaning


def test_labels_bring_every_figure_of_the_evaluation():
    text = Page(render(contents(labels=LABELS, evaluation=evaluation()))).text
    for shown in ("0.988", "0.765", "0.123", "0.432", "0.098", "Precision among the first 100", "about 0.05"):
        assert shown in text


def test_a_figure_that_is_not_defined_is_called_so():
    assert "not defined" in render(contents(evaluation=replace(evaluation(), auroc=float("nan"))))


def test_labelled_anomalies_have_their_own_colour():
    assert 'class="series-2"' in render(contents(labels=LABELS))
    assert 'class="series-2"' not in render(contents())


def test_each_picture_of_a_card_says_what_it_shows():
    shown = [picture.alt for picture in card(picture(1), 1.0, 99).pictures]
    assert shown == ["Image of galaxy_1.fits", "Reconstruction of galaxy_1.fits", "Residual of galaxy_1.fits"]
    explained = picture(1, contributions=np.eye(3))
    assert [picture.caption for picture in card(explained, 1.0, 99).pictures][-1] == "Contribution"


def test_a_pixel_that_lowers_the_score_looks_like_one_without_a_part():
    lowered = picture(contributions=np.array([[-5.0, 4.0]]))
    assert (
        card(lowered, 1.0, 99).pictures[-1].uri
        == card(picture(contributions=np.array([[0.0, 4.0]])), 1.0, 99).pictures[-1].uri
    )


def test_a_card_names_the_nearest_training_samples_and_the_angles_that_moved():
    text = " ".join(
        Page(render(contents(examples=[row(nearest=[(1234, 0.5)], moved=[(7, 0.25, -3.14)])]))).text.split()
    )
    assert "row 1,234 at 0.5" in text
    assert "cos φ7 = 0.25 (-3.1 sd)" in text


def test_a_cell_that_lowers_the_score_has_an_empty_bar():
    lowers = row(cells=[CellEvidence("a", "1", "0", 1.0, 2.0), CellEvidence("b", "1", "0", 0.0, -1.0)])
    assert render(contents(examples=[lowers], typical=[])).count('<i class="lowers" style="width: 50.0%">') == 1


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("contamination", "Set by the share of anomalies in the training data; by 99 calibration samples, up to 50 in"),
        ("hand", "Set by hand; by 99 calibration samples, up to 50 in 1,000 normal samples lie above."),
    ],
)
def test_a_threshold_that_alpha_has_not_set_is_not_said_to_be_at_alpha(source, words):
    flagged, threshold = headline(contents(threshold_from=source))[1:]
    assert flagged.name == "flagged above the threshold"
    assert "Up to 10 would be flagged by chance" in flagged.meaning
    assert words in threshold.meaning


def test_the_page_says_what_another_threshold_would_cost():
    page = render(contents())
    assert '<th scope="row">50 (this page)</th><td>190</td><td>10</td>' in page
    assert '<th scope="row">100</th><td>89</td><td>110</td>' in page
    assert "Fewer than 10 in 1,000 cannot be promised" in page


def test_thumbnails_come_by_rank():
    text = render(contents(thumbnails=np.zeros((300, 32, 32, 3), np.uint8)))
    assert "The first 300 images, by rank" in text
    assert 'alt="Images of ranks 193 to 300"' in text


def test_a_reconstruction_has_the_stretch_of_its_image():
    image = np.arange(100.0).reshape(10, 10, 1)
    same = card(picture(image=image, reconstruction=image), 1.0, 99).pictures
    shifted = card(picture(image=image, reconstruction=image + 10), 1.0, 99).pictures
    assert same[0].uri == same[1].uri
    assert shifted[0].uri != shifted[1].uri


def test_all_heat_maps_share_one_scale():
    quiet, loud = picture(residual=np.full((2, 2), 1.0)), picture(residual=np.full((2, 2), 4.0))
    assert residual_top([quiet, loud]) == 4.0
    maps = [card(example, 4.0, 99).pictures[-1].uri for example in (quiet, loud)]
    assert maps[0] != maps[1]


@pytest.mark.parametrize("samples", [[], [row()], [picture(residual=np.zeros((2, 2)))]])
def test_the_scale_is_above_zero_without_a_residual(samples):
    assert residual_top(samples) == 1.0


@pytest.mark.parametrize(
    ("example", "words"),
    [
        (picture(bands=2), "the first is shown as red"),
        (picture(bands=5), "Of 5 bands, the first three"),
        (picture(), "with the same two limits"),
        (picture(), "what exceeds 0.25 takes its last colour"),
        (picture(image=np.full((2, 2, 1), np.nan)), "shown in cyan"),
        (picture(contributions=np.eye(3)), "the pixels' contributions sum to it"),
        (row(), "and a row's contributions sum to it"),
    ],
)
def test_what_a_reader_must_know_of_the_pictures_is_said(example, words):
    assert words in " ".join(picture_notes([example], 0.25))


def test_plain_8_bit_pictures_need_no_notes():
    assert list(picture_notes([picture(image=np.zeros((2, 2, 3), np.uint8), residual=None)], 1.0)) == []


def test_a_small_picture_is_enlarged_without_blur():
    assert 'class="pixels"' in render(contents())
    assert (
        'class="pixels"'
        not in render(contents(examples=[picture(image=np.zeros((200, 200, 1)))], typical=[])).split(
            "Reconstruction of"
        )[0]
    )


def test_a_row_shows_its_worst_cells_and_sums_up_the_rest():
    text = Page(render(contents(examples=[row(CELLS_SHOWN + 2)], typical=[]))).text
    assert f"column_{CELLS_SHOWN - 1}" in text and f"column_{CELLS_SHOWN}" not in text
    assert "2 more, together 1." in text
    assert "value_0" in text and "expected_0" in text and "0.5" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"is_anomaly": True}, '<span class="chip alarm">anomaly</span>'),
        ({"in_training": True}, '<span class="chip">in training</span>'),
        ({"label": "merger"}, '<span class="chip">label: merger</span>'),
    ],
)
def test_a_card_carries_its_flags(changes, words):
    bare = picture(1, is_anomaly=False)
    assert words in render(contents(examples=[replace(bare, **changes)], typical=[]))
    assert words not in render(contents(examples=[bare], typical=[]))


def test_the_smallest_p_value_is_only_a_bound():
    assert p_value_text(1 / 100, 99) == "p ≤ 0.01"
    assert p_value_text(2 / 100, 99) == "p = 0.02"
    assert p_value_text(1.0, 99) == "p = 1"


def test_a_browser_draws_the_page_and_its_sphere_without_a_complaint(tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    explained = picture(1, contributions=np.eye(3), nearest=[(3, 0.1)], moved=[(1, 0.5, 2.0)])
    sheets = np.zeros((300, 32, 32, 3), np.uint8)
    html = render(contents(examples=[explained, picture(2)], points=points(50), thumbnails=sheets))
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    said: list[str] = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=GRAPHICS)
        for width in (360, 1200):
            shown = browser.new_page(viewport={"width": width, "height": 800})
            shown.on("console", lambda message: "GPU stall" in message.text or said.append(message.text))
            shown.on("pageerror", lambda error: said.append(str(error)))
            shown.goto((tmp_path / "page.html").as_uri())
            shown.locator("canvas").scroll_into_view_if_needed()
            shown.locator("canvas").press("n")
            assert "s49" in shown.locator(".sphere-said").inner_text()
            assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []
