import json
import re
import shutil
from html.parser import HTMLParser

import pytest

HOSTILE = "<img src=x onerror=alert(1)>.png"
OUTSIDE = {"src", "href", "action", "data", "poster", "srcset", "xlink:href", "background"}


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        if self.tags[-1:] != ["script"]:
            self.texts.append(data)


def page(poleward, here, *words):
    done = poleward("report", *words, "--out", "r.html")
    assert (done.code, done.out) == (0, "The report lies in r.html\n")
    return (here / "r.html").read_text()


def test_a_page_needs_nothing_from_outside(poleward, sources, models, here):
    text = page(poleward, here, models / "images", sources / "images")
    outside = [(tag, value) for tag, name, value in Page(text).attributes if name in OUTSIDE]
    assert all(value.startswith(("data:", "#")) for _, value in outside), outside
    assert not re.search(r"@import|url\((?!['\"]?(data:|#))", text)
    assert here() == ["r.html"]


def test_a_file_name_that_is_markup_is_text_on_the_page(poleward, sources, models, here):
    found = Page(page(poleward, here, models / "images", sources / "images", "--worst", 41))
    assert HOSTILE in "".join(found.texts)
    assert not any(name.startswith("on") for _, name, _ in found.attributes)
    assert not any(tag == "img" and name == "src" and value == "x" for tag, name, value in found.attributes)


def test_a_cell_that_is_markup_is_text_on_the_page(poleward, here):
    evil = "<script>alert(1)</script>"
    lines = [f"{i},{evil if i % 2 else 'plain'}" for i in range(30)]
    (here / "t.csv").write_text(f"a,{evil}\n" + "\n".join(lines) + "\n")
    poleward("fit", "t.csv", "--out", "m", "--epochs", 1, "--n-latent", 3)
    text = page(poleward, here, "m", "t.csv")
    assert evil not in text
    assert evil in "".join(Page(text).texts)


def test_the_page_says_what_was_trained_on_what(poleward, sources, models, here):
    said = " ".join("".join(Page(page(poleward, here, models / "images", sources / "images")).texts).split())
    scorer = json.loads((models / "images" / "manifest.json").read_text())["settings"]["scorer"]
    for words in ("images, 41 images", "compressed", scorer, "3, of which 0 dead"):
        assert words in said


@pytest.mark.parametrize("worst", [1, 5])
def test_as_many_as_asked_for_are_shown(poleward, sources, models, here, worst):
    few = page(poleward, here, models / "images", sources / "images", "--worst", worst)
    more = page(poleward, here, models / "images", sources / "images", "--worst", worst + 3)
    assert Page(more).tags.count("img") > Page(few).tags.count("img")


def test_the_page_shows_the_sphere_and_every_image_by_rank(poleward, sources, models, here):
    text = page(poleward, here, models / "images", sources / "images")
    assert "canvas" in Page(text).tags
    assert "All images, by rank" in text and 'alt="Images of ranks 1 to 41"' in text


def test_the_page_says_what_the_cells_contribute_and_what_is_near(poleward, sources, models, here):
    said = " ".join("".join(Page(page(poleward, here, models / "table", sources / "table.csv")).texts).split())
    for words in ("Contribution", "Nearest in training", "Angles that moved", "What another threshold would cost"):
        assert words in said


def test_a_threshold_set_by_hand_is_called_so(poleward, sources, models, here):
    shutil.copytree(models / "table", here / "m")
    manifest = json.loads((here / "m" / "manifest.json").read_text())
    manifest["decision"]["threshold"] += 1.0
    (here / "m" / "manifest.json").write_text(json.dumps(manifest))
    assert poleward("report", "m", sources / "table.csv", "--out", "r.html").code == 0
    text = (here / "r.html").read_text()
    assert "Set by hand; by" in text and "flagged above the threshold" in text


def test_with_a_truth_the_page_has_figures(poleward, sources, models, here):
    without = page(poleward, here, models / "table", sources / "table.csv")
    known = page(poleward, here, models / "table", sources / "table.csv", "--truth-column", "odd")
    assert "AUROC" not in without
    assert "AUROC" in known


def test_a_page_of_rows_shows_the_cells(poleward, sources, models, here):
    said = "".join(Page(page(poleward, here, models / "table", sources / "table.csv", "--id-column", "name")).texts)
    for words in ("r0", "colour", "(missing)"):
        assert words in said


def test_a_sample_with_a_single_value_is_still_shown(poleward, sources, models, here):
    (here / "t.csv").write_text("a,b,colour,day,flag\n0.1,,,,\n0.1,0.2,red,2024-01-02,true\n")
    text = page(poleward, here, models / "table", "t.csv")
    assert "nan" not in "".join(Page(text).texts).lower()


@pytest.mark.parametrize("words", [["--alpha", 0.2], ["--alarms", "200/1000"]])
def test_the_page_says_the_level_asked_for(poleward, sources, models, here, words):
    assert "flagged at alpha = 0.2" in page(poleward, here, models / "table", sources / "table.csv", *words)


def test_the_sphere_of_another_model_stands_beside(poleward, sources, models, here, tmp_path):
    shutil.copytree(models / "images", tmp_path / "other")
    text = page(poleward, here, models / "images", sources / "images", "--beside", tmp_path / "other")
    said = "".join(Page(text).texts)
    assert Page(text).tags.count("canvas") == 2
    assert {"images", "other", "Angles: images", "Angles: other"} <= set(Page(text).texts), said


def test_a_model_beside_that_is_none_is_told_before_anything_is_ranked(poleward, sources, models, here):
    done = poleward("report", models / "images", sources / "images", "--beside", "nowhere", "--out", "r.html")
    assert done.code == 2 and "nowhere" in done.err and "ranking" not in done.err
    assert here() == []
