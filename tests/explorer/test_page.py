"""The page in a real browser."""

import re
import shutil
from dataclasses import replace

import pytest

from poleward.explorer.exploration import Exploration

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking"]
SWITCHES += ["--disable-quic", "--disable-component-update", "--disable-sync", "--no-first-run"]
HOSTILE = "<img src=x onerror=alert(1)>.png"
FIRST = "#option-0"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def chromium():
    with api.sync_playwright() as playwright:
        api.expect.set_options(timeout=30_000)  # milliseconds; a busy machine is slow, and a pass does not wait
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium, answer):
    """Open the page in a new tab; at the end nothing may have been complained of and no dialog may have popped up."""
    complaints, contexts = [], []

    def opened(address, size=(1200, 800), scheme="light", context=None, is_refused=False):
        width, height = size
        context = context or chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda said: complaints.append(said.text) if counts(said, is_refused) else None)
        page.on("pageerror", lambda fault: complaints.append(str(fault)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(address)
        page.wait_for_selector("#detail h2")
        return page

    def counts(said, is_refused):
        return said.type in ("error", "warning") and not (
            is_refused and said.text.startswith("Failed to load resource")
        )

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def site(exploration, answer):
    return answer(exploration)


def shown(page, text, within="body"):
    api.expect(page.locator(within)).to_contain_text(text)


def drawn(page):
    api.expect(page.locator("#globe canvas")).to_have_attribute("width", re.compile(r"^\d{3,4}$"))


def at(page, index):
    api.expect(page.locator('[role=option][aria-selected="true"]')).to_have_attribute("data-index", str(index))


def test_labels_are_given_with_keys_alone(tab, site, log):
    page = tab(site)
    for place, key in enumerate("nia", start=1):
        page.keyboard.press(key)
        at(page, place)
    for counted in ("1 normal", "1 interesting", "1 artefact"):
        shown(page, counted, "#counts")
    shown(page, "✓ normal", FIRST)
    assert log.labels() == {"000000.png": "normal", "000001.png": "interesting", HOSTILE: "artefact"}
    assert {entry.who for entry in log.entries()} == {"ada"}


def test_undo_takes_back_and_shows_what(tab, site, log):
    page = tab(site)
    page.keyboard.press("n")
    at(page, 1)
    page.keyboard.press("End")
    at(page, 299)
    page.keyboard.press("u")
    at(page, 0)
    shown(page, "nothing labelled yet", "#counts")
    assert log.labels() == {}
    page.keyboard.press("u")
    shown(page, "nothing of yours to undo", "#said")


def test_a_label_of_ones_own_has_a_digit_from_then_on(tab, site, log):
    page = tab(site)
    page.keyboard.press("c")
    page.keyboard.type("merger <b>")
    page.keyboard.press("Enter")
    at(page, 1)
    page.keyboard.press("1")
    at(page, 2)
    assert log.labels() == {"000000.png": "merger <b>", "000001.png": "merger <b>"}
    page.keyboard.press("ArrowLeft")
    at(page, 1)
    page.keyboard.press("x")
    shown(page, "1 merger <b>", "#counts")
    assert log.labels() == {"000000.png": "merger <b>"}


def test_letters_that_are_typed_are_no_commands(tab, site, log):
    page = tab(site)
    page.keyboard.press("/")
    page.keyboard.type("nia")
    assert page.input_value("#value") == "nia"
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.keyboard.type("nu")
    page.keyboard.press("Escape")
    assert log.number == 0
    page.keyboard.press("n")
    at(page, 1)
    assert log.number == 1


def test_keys_may_come_faster_than_answers(tab, site, log):
    page = tab(site)
    page.keyboard.type("nnnniiaa")
    at(page, 8)
    assert "".join(entry.label[0] for entry in log.entries()) == "nnnniiaa"
    assert len(log.labels()) == 8


def test_every_control_can_be_reached_and_seen_with_the_tab_key(tab, site):
    page = tab(site)
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    buttons = {"rerank", "undo", "view", "sphere", "data", "help", "picture", "neighbour"}
    assert buttons | {"sort", "order", "column", "comparison", "value", "unlabelled", "list"} <= reached
    page.focus("#undo")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_what_is_on_the_page_has_names_for_who_cannot_see_it(tab, site):
    page = tab(site)
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, select, canvas, [role=listbox]')].filter((each) =>
        !(each.getAttribute('aria-label') || each.textContent.trim() || each.labels?.length)).map((each) => each.id)"""
    )
    assert nameless == []
    option = page.locator('[role=option][aria-selected="true"]')
    assert option.get_attribute("id") == page.get_attribute("#list", "aria-activedescendant")
    assert option.get_attribute("aria-setsize") == "300"
    assert page.evaluate("[...document.images].every((each) => each.hasAttribute('alt'))")


def test_a_click_shows_a_sample_its_pictures_and_its_neighbours(tab, site):
    page = tab(site)
    page.click("#option-7")
    shown(page, "000007.png", "#detail h2")
    assert page.locator("#detail .pictures img").count() == 3
    for picture in page.locator("#detail .pictures img").all():
        api.expect(picture).to_have_js_property("naturalWidth", 8)
    neighbour = page.locator(".neighbour").first
    name = neighbour.get_attribute("title").split(",")[0]
    neighbour.click()
    shown(page, name, "#detail h2")


def test_pictures_are_enlarged_and_dragged_together(tab, site):
    page = tab(site)
    page.keyboard.press("z")
    for _ in range(4):
        page.keyboard.press("+")
    box = page.locator(".pane").first.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 40, middle[1] + 10, steps=4)
    page.mouse.up()
    moved = {image.evaluate("each => each.style.transform") for image in page.locator(".pane img").all()}
    assert len(moved) == 1
    x, scale = re.search(r"translate\((\S+)px, .* scale\((\S+)\)", moved.pop()).groups()
    assert float(x) == pytest.approx(40, abs=2)
    assert float(scale) == pytest.approx(1.25**4, rel=1e-4)
    page.mouse.wheel(0, 100)
    api.expect(page.locator(".pane img").first).to_have_attribute("style", re.compile(r"scale\(1\.95"))
    page.keyboard.press("Escape")
    api.expect(page.locator("#zoom")).to_be_hidden()


def test_a_repair_is_shown_beside_what_was_there(tab, site):
    page = tab(site)
    page.keyboard.press("p")
    shown(page, "3 cells changed", ".repair")
    assert page.locator(".repair img").count() == 3
    page.click(".repair .picture >> nth=1")
    api.expect(page.locator(".pane img").nth(1)).to_have_attribute("src", "picture/0/corrected")
    page.keyboard.press("Escape")
    page.focus("#list")
    page.keyboard.press("ArrowRight")
    shown(page, "000001.png", "#detail h2")
    page.keyboard.press("p")
    shown(page, "Nothing in it is found wrong", ".repair")


def test_a_model_that_has_not_learned_to_repair_offers_none(tab, answer, collection, log):
    page = tab(answer(Exploration(replace(collection, repairs=False), log, "ada")))
    shown(page, "with their scores", "#detail")
    api.expect(page.locator(".repair")).to_be_hidden()
    page.keyboard.press("p")
    page.keyboard.press("n")
    at(page, 1)
    shown(page, "000001.png", "#detail h2")


def test_a_reload_shows_the_same(tab, site):
    page = tab(site)
    page.select_option("#sort", "size")
    shown(page, "000299.png", "#detail h2")
    page.click("#order")
    shown(page, "000000.png", "#detail h2")
    page.select_option("#column", "band")
    page.fill("#value", "g")
    page.press("#value", "Enter")
    shown(page, "100 shown", "#total")
    page.click("#option-5")
    shown(page, "000016.png", "#detail h2")
    page.keyboard.press("n")
    shown(page, "1 normal", "#counts")
    shown(page, "000019.png", "#detail h2")
    page.keyboard.press("g")
    page.reload()
    shown(page, "000019.png", "#detail h2")
    shown(page, "100 shown", "#total")
    shown(page, "✓ normal", "#option-5")
    assert page.get_attribute("#list", "class") == "list"
    page.click("#conditions button")
    shown(page, "300 shown", "#total")


def test_what_is_labelled_leaves_a_list_of_the_unlabelled(tab, site):
    page = tab(site)
    page.check("#unlabelled")
    page.focus("#list")
    page.keyboard.press("n")
    shown(page, "299 shown", "#total")
    shown(page, "000001.png", "#detail h2")
    at(page, 0)


def test_a_filter_that_cannot_be_meant_says_so(tab, site):
    page = tab(site)
    page.fill("#value", "many")
    page.press("#value", "Enter")
    shown(page, "score is a number; many is not", "#said")
    page.fill("#value", "1000")
    page.press("#value", "Enter")
    shown(page, "No sample meets these filters", "#detail")
    page.focus("#list")
    page.keyboard.press("n")
    page.keyboard.press("ArrowDown")
    shown(page, "0 shown", "#total")


def test_two_tabs_agree(tab, site):
    one = tab(site)
    other = tab(site, context=one.context)
    one.keyboard.press("i")
    shown(other, "1 interesting", "#counts")
    shown(other, "★ interesting", FIRST)
    other.keyboard.press("u")
    shown(one, "nothing labelled yet", "#counts")
    api.expect(one.locator(f"{FIRST} .badge")).to_have_count(0)


def test_a_hundred_thousand_samples_scroll(tab, made, log, answer):
    address = answer(Exploration(made(100_000), log))
    page = tab(address)
    shown(page, "100,000 samples", "#counts")
    page.keyboard.press("End")
    shown(page, "099999.png", "#detail h2")
    assert page.locator("[role=option]").count() < 200
    page.keyboard.press("g")
    page.evaluate("document.querySelector('#list').scrollTop = 60 * 50000")
    shown(page, "050002.png", "#list")
    assert page.locator("[role=option]").count() < 60
    page.keyboard.press("n")
    shown(page, "1 normal", "#counts")
    page.keyboard.press("Home")
    shown(page, "000000.png", "#detail h2")


def test_a_file_name_that_is_markup_is_text(tab, site):
    page = tab(site)
    page.click("#option-2")
    shown(page, HOSTILE, "#detail h2")
    page.keyboard.press("n")
    shown(page, HOSTILE, "#said")
    assert page.locator('img[src="x"]').count() == 0
    assert page.locator("#option-2 .name").inner_text() == HOSTILE


def test_labels_rank_again_and_what_has_one_is_hidden(tab, exploration, site):
    page = tab(site, is_refused=True)
    page.keyboard.press("r")
    shown(page, "label some samples first", "#said")
    exploration.label(list(range(0, 60, 10)), "interesting", "ada")
    exploration.label([row for row in range(60) if row % 10], "artefact", "ada")
    shown(page, "6 interesting", "#counts")
    page.keyboard.press("r")
    shown(page, "Ranked anew by", "#said")
    shown(page, "240 shown", "#total")
    names = page.locator(".option .name").all_inner_texts()[:4]
    assert all(int(name[:6]) % 10 == 0 for name in names), names


def test_the_sphere_turns_by_hand_and_its_points_pick(tab, site):
    page = tab(site)
    page.keyboard.press("s")
    canvas = page.locator("#globe canvas")
    drawn(page)
    seen = canvas.screenshot()
    box = canvas.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 80, middle[1] + 20, steps=5)
    page.mouse.up()
    assert canvas.screenshot() != seen
    canvas.focus()
    for _ in range(5):
        page.keyboard.press("n")
    shown(page, "000005.png", "#detail h2")
    for _ in range(3):
        page.keyboard.press("p")
    shown(page, HOSTILE, "#detail h2")
    page.keyboard.press("s")
    api.expect(page.locator("#globe")).to_be_hidden()


def test_a_csv_comes_in_and_labels_go_out(tab, site, tmp_path):
    page = tab(site)
    (tmp_path / "c.csv").write_text("id,redshift,label\n000004,0.7,merger\n")
    page.keyboard.press("d")
    page.fill("#who", "bob")
    page.set_input_files("#file", tmp_path / "c.csv")
    shown(page, "1 labels and 1 columns imported", "#said")
    page.select_option("#sort", "redshift")
    shown(page, "000004.png", "#detail h2")
    page.keyboard.press("d")
    with page.expect_download() as coming:
        page.click("text=Labels as csv")
    text = coming.value.path().read_text()
    assert re.search(r"^000004\.png,merger,bob,20", text, re.MULTILINE)


def test_rows_of_a_table_are_shown_with_what_was_expected(tab, made, log, answer):
    address = answer(Exploration(made(kind="table"), log))
    page = tab(address)
    shown(page, "<b>7</b>", "#detail table")
    shown(page, "75 %", "#detail table")
    shown(page, "size 0 · band r", FIRST)
    page.click("text=Repair")
    shown(page, "(missing)", ".repair table")
    page.focus("#list")
    page.keyboard.press("z")
    page.keyboard.press("i")
    at(page, 1)
    assert page.locator("#list img").count() == 0


@pytest.mark.parametrize("size", [(340, 700), (700, 900), (1000, 700)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_screen_is_too_narrow(tab, site, size, scheme):
    page = tab(site, size, scheme)
    page.keyboard.press("i")
    at(page, 1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("s")
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(tab, site, scheme):
    page = tab(site, scheme=scheme)
    for place, key in enumerate("nia", start=1):
        page.keyboard.press(key)
        at(page, place)
    page.keyboard.press("ArrowLeft")
    at(page, 2)
    pairs = page.evaluate(
        """() => [...document.querySelectorAll('body *')].filter((each) => each.checkVisibility() &&
          [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())).map((each) => {
          let ground = each;
          const back = (part) => getComputedStyle(part).backgroundColor;
          while (ground !== document.body && back(ground) === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
          const styles = [getComputedStyle(each).color, back(ground)];
          return [each.outerHTML.slice(0, 80), ...styles];
        })"""
    )
    assert len(pairs) > 50
    faint = [pair for pair in pairs if contrast(*map(numbers, pair[1:])) < 4.5]
    assert faint == []


def numbers(colour):
    return [float(part) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]


def contrast(one, other):
    """As the Web Content Accessibility Guidelines 2.2 define it."""
    lights = sorted(
        sum(
            share * (band / 12.92 if band <= 0.04045 else ((band + 0.055) / 1.055) ** 2.4)
            for share, band in zip((0.2126, 0.7152, 0.0722), colour, strict=True)
        )
        for colour in (one, other)
    )
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def test_a_server_that_is_gone_is_said_and_no_label_is_pretended(tab, exploration, answer, log):
    address = answer(exploration)
    page = tab(address, is_refused=True)
    page.keyboard.press("n")
    at(page, 1)
    answer.stop()
    page.keyboard.press("i")
    shown(page, "The server does not answer", "#said")
    at(page, 1)
    assert log.labels() == {"000000.png": "normal"}
