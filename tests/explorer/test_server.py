import json
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from poleward.explorer.exploration import Exploration
from poleward.explorer.guard import LARGEST_BODY
from poleward.explorer.server import MOST_SAMPLES, static_files


class Browser:
    """What the page does, without a page."""

    def __init__(self, address):
        origin = address.rsplit("/", 2)[0]
        self.client = httpx.Client(base_url=address, headers={"origin": origin}, trust_env=False, timeout=30)

    def get(self, path, **parameters):
        answer = self.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer

    def items(self, **query):
        return self.get("items", **({"start": 0, "count": 5} | query)).json()

    def tell(self, path, **content):
        return self.client.post(path, json=content)


@pytest.fixture
def page(exploration, answer):
    browser = Browser(answer(exploration))
    yield browser
    browser.client.close()


def test_the_page_and_its_files_have_no_inline_script_and_name_nothing_outside(page):
    text = page.get("").text
    assert "<script>" not in text
    assert " onclick" not in text
    assert " style=" not in text
    for content in static_files().values():
        assert b"http://" not in content.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"https://" not in content
        assert b"innerHTML" not in content


def test_every_file_that_the_page_names_is_there(page):
    for name in static_files():
        kind = page.get(f"static/{name}").headers["content-type"]
        assert kind.split(";")[0] in ("text/html", "text/css", "text/javascript", "image/svg+xml")


@pytest.mark.parametrize(
    "path",
    [
        "static/..%2fserver.py",
        "static/%2e%2e/server.py",
        "static/server.py",
        "static/",
        "picture/0/..%2f..%2fx",
        "../x",
    ],
)
def test_no_other_file_is_given_out(page, path):
    assert page.client.get(path).status_code in (400, 403, 404)


def test_samples_come_by_the_page(page):
    found = page.items(start=2, count=3)
    assert [item["row"] for item in found["items"]] == [2, 3, 4]
    assert found["total"] == 300
    assert found["items"][0]["id"] == "<img src=x onerror=alert(1)>.png"
    where = json.dumps([["band", "=", "b"], ["size", "<", "9"]])
    assert [item["row"] for item in page.items(where=where, order="up", sort="size")["items"]] == [2, 5, 8]


def test_a_page_is_never_larger_than_the_limit(page):
    assert len(page.items(count=10**6)["items"]) <= min(MOST_SAMPLES, 300)


@pytest.mark.parametrize(
    "query",
    [
        {"sort": "nothing"},
        {"where": "{"},
        {"where": "[1]"},
        {"where": '[["a","b"]]'},
        {"where": "[" * 20_000},
        {"where": '[["size",">","x"]]'},
        {"start": -1},
        {"start": "٣"},
        {"count": "1e3"},
        {"start": "9" * 40},
    ],
)
def test_a_query_that_cannot_be_meant_is_refused_in_a_sentence(page, query):
    answer = page.client.get("items", params={"start": 0, "count": 1} | query)
    assert answer.status_code in (400, 431)
    assert "Traceback" not in answer.text


def test_one_sample_is_told_whole(page):
    item = page.get("item/7").json()
    assert item["columns"]["id"] == "000007.png"
    assert item["columns"]["size"] == 7
    assert item["pictures"] == ["image", "reconstruction", "residual"]
    assert len(item["neighbours"]) == 8
    assert page.get("place", row=7, order="up").json() == {"place": 292}


@pytest.mark.parametrize(
    "path", ["item/300", "item/-1", "thumbnail/300", "picture/300/image", "repair/300", "picture/0/x"]
)
def test_what_is_not_there_is_refused(page, path):
    assert page.client.get(path).status_code in (400, 404)


def test_pictures_are_png(page, tmp_path):
    for path in ("thumbnail/3", "picture/3/image", "picture/3/reconstruction", "picture/3/residual"):
        (tmp_path / "p.png").write_bytes(page.get(path).content)
        with Image.open(tmp_path / "p.png") as picture:
            assert (picture.format, picture.size) == ("PNG", (8, 8))


def test_a_repair_shows_what_was_changed(page):
    told = page.get("repair/4").json()
    assert (told["n_changed"], told["score_before"], told["score_after"]) == (3, 4, 3)
    assert told["pictures"] == ["image", "corrected", "changed"]
    before, after = (page.get(f"picture/4/{name}").content for name in ("image", "corrected"))
    assert before != after
    page.get("picture/4/changed")
    assert page.get("repair/5").json()["pictures"] == []


def test_labels_are_kept_with_who_and_when(page, log):
    answer = page.tell("label", rows=[1, 2], label="my own", who="bob").json()
    assert (answer["number"], answer["counts"]) == (2, {"my own": 2})
    assert {(entry.who, entry.label) for entry in log.entries()} == {("bob", "my own")}
    page.tell("label", rows=[3], label="normal")
    assert log.entries()[-1].who == "ada"
    assert page.tell("undo", who="bob").json()["rows"] == [1, 2]
    assert page.items()["items"][1]["label"] == ""
    assert page.get("labels.csv").text.splitlines()[1].startswith("000003.png,normal,ada,20")
    assert len(page.get("log.csv").text.splitlines()) == 6


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"rows": [], "label": "normal"},
        {"rows": [300], "label": "normal"},
        {"rows": [-1], "label": "normal"},
        {"rows": ["0"], "label": "normal"},
        {"rows": [0.5], "label": "normal"},
        {"rows": [0] * (MOST_SAMPLES + 1), "label": "normal"},
        {"rows": [0], "label": 3},
        {"rows": [0], "label": "x" * 101},
        {"rows": [0], "label": "normal", "who": ["ada"]},
        {"rows": [0], "label": "normal", "who": "a\nb"},
    ],
)
def test_a_label_that_cannot_be_meant_changes_nothing(page, log, content):
    assert page.tell("label", **content).status_code == 400
    assert log.number == 0


@pytest.mark.parametrize("body", [b"{", b"[]", b"1", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(page, body):
    assert page.client.post("label", content=body).status_code == 400


def test_a_body_without_a_length_is_cut_at_the_limit(page):
    def endless():
        for _ in range(LARGEST_BODY // (1 << 20) + 2):
            yield b"x" * (1 << 20)

    assert page.client.post("import", content=endless()).status_code == 413


def test_a_catalogue_comes_in(page):
    answer = page.client.post("import", content=b"id,z,label\n000001.png,0.5,merger\n", params={"who": "bob"}).json()
    assert (answer["labelled"], answer["columns"], answer["catalogues"]) == (1, ["z"], 1)
    assert {"name": "z", "type": "number"} in page.get("about").json()["columns"]
    assert page.client.post("import", content=b"x,z\n1,2\n").status_code == 400


def test_labels_rank_again(page):
    assert page.tell("rerank").status_code == 400
    page.tell("label", rows=[0, 10, 20, 30, 40, 50], label="interesting")
    page.tell("label", rows=[1, 2, 3, 4, 5, 6], label="artefact")
    told = page.tell("rerank").json()
    assert told["reranked_at"] == 12
    assert set(told["quality"]) == {"neighbour-weighted score", "Gaussian process"}
    top = page.items(sort="relevance", where='[["label","=",""]]', count=6)["items"]
    assert [item["row"] % 10 for item in top].count(0) >= 4


def test_points_are_rows_scores_and_places_on_the_sphere(page):
    content = page.get("points").content
    n = len(content) // 20
    assert n == 300
    assert np.frombuffer(content[: 4 * n], "<u4").tolist() == list(range(300))
    places = np.frombuffer(content[8 * n :], "<f4").reshape(n, 3)
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), 1, rtol=1e-5)


def test_rows_of_a_table_have_cells_instead_of_pictures(made, log, answer):
    address = answer(Exploration(made(kind="table"), log))
    page = Browser(address)
    item = page.get("item/0").json()
    assert item["pictures"] == []
    assert item["cells"][0].items() >= {"column": "size", "value": "0", "expected": "<b>7</b>", "share": 0.75}.items()
    assert page.items()["items"][0]["shown"] == {"size": 0, "band": "r"}
    assert page.client.get("thumbnail/0").status_code == 400
    assert page.client.get("picture/0/corrected").status_code == 400
    change = {"column": "size", "old": "0", "new": "(missing)", "probability": 0.9}
    assert page.get("repair/0").json()["changes"] == [change]
    page.client.close()


def test_a_hundred_thousand_samples_are_as_quick_as_a_few(made, log, answer):
    exploration = Exploration(made(100_000), log)
    address = answer(exploration)
    page = Browser(address)
    where = json.dumps([["label", "=", ""], ["band", "contains", "b"]])
    page.tell("label", rows=[5], label="normal")
    started = time.perf_counter()
    found = page.items(start=33_000, count=100, sort="band", where=where)
    first = time.perf_counter() - started
    for start in range(0, 30_000, 1000):
        page.items(start=start, count=100, sort="band", where=where)
    again = (time.perf_counter() - started - first) / 30
    assert found["total"] == 33_332
    assert first < 5
    assert again < 0.5
    assert len(page.get("points").content) <= 20 * 50_001
    page.client.close()


def test_the_package_holds_the_page():
    assert {"index.html", "explorer.js", "explorer.css", "sphere.js"} <= set(static_files())
    assert not any(Path(name).is_absolute() for name in static_files())
