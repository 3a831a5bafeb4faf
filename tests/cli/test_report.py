import json
import re
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
