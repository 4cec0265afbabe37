"""The page that can be touched: what its data hold, and its player in a real browser, from files alone."""
import json
import re
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from playwright.sync_api import sync_playwright

import vscg
from tests.book.test_build import ROOT, load
from tests.book.test_site import CHROMIUM, DESK, PHONE, needs_browser
from vscg import plots
from vscg.data import planted, silent_objects
from vscg.data.labels import BACKGROUND
from vscg.errors import VscgError
from vscg.plots.scene import HERE
from vscg.study import player

load(ROOT / "book" / "overview.py")
touch = load(ROOT / "book" / "touch.py")
tour = load(ROOT / "book" / "tour.py")
DATA = json.loads(touch.FILE.read_text(encoding="utf-8").removeprefix("window.VSCG_CLIPS = ").rstrip(";\n"))
NONE = 1


def numbers(text: str) -> np.ndarray:
    return np.array([player.DIGITS.index(digit) for digit in text])


def test_letters_hold_whole_numbers():
    assert numbers(player.letters(np.arange(64).reshape(8, 8))).tolist() == list(range(64))
    assert DATA["digits"] == player.DIGITS and len(set(player.DIGITS)) == 64


def test_the_data_are_small_name_their_runs_and_agree_with_the_generator_and_with_themselves():
    assert touch.FILE.stat().st_size < 1e6 and len(DATA["clips"]) == touch.CLIPS
    assert [system["name"] for system in DATA["systems"]] == list(touch.RUNS)
    assert all(re.fullmatch("[0-9a-f]{16}", system["key"]) and 50 < system["accuracy"] < 100
               for system in DATA["systems"])
    layout = planted.plan(planted.SIZES[touch.SIZE], touch.SEED)
    own = DATA["thresholds"].index(0.099)
    for clip in DATA["clips"]:
        truth = numbers(clip["truth"])
        rows = np.flatnonzero((layout["category"] == clip["category"]) & (layout["split"] == "test"))
        windows = [(layout["start"][row], layout["end"][row]) for row in rows]
        event = np.flatnonzero(truth != BACKGROUND)
        assert (event[0], event[-1] + 1) in windows and set(truth) == {clip["category"], BACKGROUND}
        masks = numbers(clip["object"]).reshape(10, 49)
        assert masks[event].any(1).all()
        for level in clip["levels"]:
            assert len(level["said"]) == len(level["looks"]) == len(touch.RUNS)
            assert level["vscg"][own][:10] == level["said"][0]
            assert {len(said) for said in level["vscg"]} == {10 * (2 + touch.CLIPS)}
            sums = np.array(level["shares"]).reshape(2, 10, 10).sum(-1)
            assert ((sums >= 1000) & (sums <= 1010)).all()      # ten of a row, each rounded up
            for looks, on in zip(level["looks"], level["on"], strict=True):
                heat = numbers(looks).reshape(10, 49) if looks else np.zeros((10, 49))
                share = 100 * (heat * masks).sum(1) / np.maximum(heat.sum(1), 1)
                assert np.abs(share - (on or 0)).max() < 4


def test_a_clip_drawn_again_keeps_all_but_what_the_dial_turns():
    plain, turned, bare = touch.draw(3), touch.draw(3, ambiguity=1.0), touch.draw(3, distractor=0.0)
    assert np.array_equal(plain["source_mask"], turned["source_mask"]) and np.array_equal(plain["audio"], bare["audio"])
    strongest = [max(clip["audio_evidence"].max(), clip["visual_evidence"].max()) for clip in (turned, plain)]
    assert strongest[0] <= 0.2 and strongest[1] == 1
    there = next(row for row in range(60) if not np.array_equal(touch.draw(row)["visual"],
                                                               touch.draw(row, distractor=0.0)["visual"]))
    silent = silent_objects(touch.DATA, range(8))
    assert 1 <= silent_objects(touch.DATA, [there]).sum() <= 25 and not silent.any((1, 2)).all()
    with pytest.raises(VscgError, match="planted data set 'ave' is unknown"):
        silent_objects("ave", [0])


def test_every_picture_of_the_tour_is_there_and_the_page_shows_it():
    page = (ROOT / "book" / "tour.md").read_text(encoding="utf-8")
    shown = re.findall(r"\]\(_static/(tour-\d-\w+\.svg)\)", page)
    assert [name[5] for name in shown] == list("12345678")
    assert all("<title>" in (tour.FOLDER / name).read_text(encoding="utf-8") for name in shown)
    assert sorted(path.name for path in tour.FOLDER.glob("tour-*.svg")) == shown


def test_the_tour_is_drawn_from_a_clip_with_a_silent_object(monkeypatch):
    """With a network that has learnt nothing, and right answers."""
    truth = torch.from_numpy(vscg.load_dataset(touch.DATA).labels.argmax(-1))
    ways, test = tour.ways, vscg.load_dataset(touch.DATA).splits["test"]
    monkeypatch.setattr(tour.vscg, "fit", lambda config, dataset: SimpleNamespace(model=vscg.build_model("vscg").eval))
    monkeypatch.setattr(tour, "ways", lambda *given: ways(*given) | {"said": truth[test]})
    drawn = tour.pictures()
    assert sorted(drawn) == sorted(tour.FOLDER.glob("tour-*.svg"))
    assert 'class="object silent"' in drawn[tour.FOLDER / "tour-1-clip.svg"]


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def tab(browser, tmp_path):
    """The player alone, from a file; what goes wrong in it fails the test."""
    page = tmp_path / "page.html"
    page.write_text(f'<!DOCTYPE html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
                    f'<div data-vscg-player></div><link rel="stylesheet" href="{(HERE / "player.css").as_uri()}">'
                    + "".join(f'<script src="{path.as_uri()}"></script>' for path in (touch.FILE, HERE / "player.js")))
    tab, faults = browser.new_page(viewport=DESK), []
    tab.on("console", lambda message: faults.append(message.text))
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("request", lambda request: request.url.startswith("file:") or faults.append(request.url))
    tab.goto(page.as_uri())
    yield tab
    tab.close()
    assert faults == []


def shown(tab) -> dict:
    """The clip that the player shows."""
    return DATA["clips"][int(tab.locator("[data-part=clip]").input_value())]


def kept(tab) -> int:
    return tab.locator(".vp-kept").count()


def row(tab, name: str) -> list[str]:
    """The titles of a line's ten cells."""
    return tab.locator("tr", has=tab.locator(f'th:text-is("{name}")')).locator("td").evaluate_all(
        "cells => cells.slice(0, 10).map((cell) => cell.title)")


@needs_browser
def test_the_keyboard_moves_the_second_and_the_threshold_and_the_picture_follows(tab):
    assert numbers(shown(tab)["silent"]).any()
    second, threshold = tab.locator("[data-part=second]"), tab.locator("[data-part=threshold]")
    before = tab.locator(".vp-map").inner_html()
    second.focus()
    for _ in range(4):
        tab.keyboard.press("ArrowRight")
    assert second.input_value() == "4" and second.get_attribute("aria-valuetext") == "second 5"
    assert tab.locator(".vp-map").inner_html() != before
    assert tab.locator(".vp-map").get_attribute("aria-label").startswith("VSCG, second 5:")
    shares = np.array(shown(tab)["levels"][1]["shares"][:100])
    assert kept(tab) == (shares > 99).sum()
    threshold.focus()
    tab.keyboard.press("Home")
    assert kept(tab) == (shares > 0).sum()
    tab.keyboard.press("End")
    assert kept(tab) == (shares > 1000 * DATA["thresholds"][-1]).sum()
    assert "turned" in tab.locator("[data-part=verdict]").inner_text()


@needs_browser
def test_clip_prior_and_ambiguity_show_what_the_data_say(tab):
    tab.locator("[data-part=clip]").select_option("5")
    clip, names = DATA["clips"][5], DATA["classes"]
    for level in range(len(DATA["ambiguities"])):
        tab.locator("[data-part=level]").fill(str(level))
        for name, said in zip(touch.RUNS, clip["levels"][level]["said"], strict=True):
            assert row(tab, name) == [names[number] for number in numbers(said)]
    own = DATA["thresholds"].index(0.099)
    for prior in (NONE, 9):
        tab.locator("[data-part=prior]").select_option(str(prior))
        said = clip["levels"][-1]["vscg"][own][10 * prior:10 * prior + 10]
        assert row(tab, "VSCG") == [names[number] for number in numbers(said)]
        right = (numbers(said) == numbers(clip["truth"])).sum()
        assert tab.locator("[data-part=verdict]").inner_text().startswith(f"VSCG says {right} of 10 seconds right")
    tab.locator("[data-part=reset]").click()
    assert row(tab, "VSCG") == [names[number] for number in numbers(clip["levels"][1]["said"][0])]


@needs_browser
def test_the_one_of_chapter_19_moves_as_its_own_run_says(browser, tmp_path):
    """The cell's output as the notebook holds it, alone on a page: a page of the site and Jupyter Lab show the same."""
    notebook = nbformat.read(ROOT / "notebooks" / "19_your_own_clip.ipynb", as_version=4)
    cell, = (cell for cell in notebook.cells if "plots.clip_player(" in cell.source)
    html = cell.outputs[-1].data["text/html"]
    data, _ = json.JSONDecoder().raw_decode(html[html.rindex("vscgPlayer(document.getElementById"):].partition(", ")[2])
    page = tmp_path / "page.html"
    page.write_text(f'<!DOCTYPE html><meta charset="utf-8">{html}', encoding="utf-8")
    tab, faults = browser.new_page(viewport=PHONE), []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("request", lambda request: request.url.startswith("file:") or faults.append(request.url))
    tab.goto(page.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    at = int(tab.locator("[data-part=clip]").input_value())
    level, names, own = data["clips"][at]["levels"][0], data["classes"], data["thresholds"].index(0.099)
    assert len(data["clips"]) == 10 and [system["name"] for system in data["systems"]] == ["VSCG"]
    assert row(tab, "VSCG") == [names[number] for number in numbers(level["said"][0])]
    keys = tab.locator(":is(input, select, button)").evaluate_all(
        "all => all.map((one) => one.getAttribute('data-lm-suppress-shortcuts'))")
    assert len(keys) == 7 + 1 and set(keys) == {"true"}, "Jupyter Lab would take the keys"
    tab.locator("[data-part=second]").focus()
    tab.keyboard.press("ArrowRight")
    assert tab.locator(".vp-map").get_attribute("aria-label").startswith("VSCG, second 2:")
    tab.locator("[data-part=prior]").select_option(str(NONE))
    said = level["vscg"][own][10 * NONE:10 * NONE + 10]
    assert row(tab, "VSCG") == [names[number] for number in numbers(said)]
    tab.locator("[data-part=threshold]").focus()
    tab.keyboard.press("Home")
    assert kept(tab) == (np.array(level["shares"][:100]) > 0).sum()
    tab.close()
    assert faults == []


@needs_browser
def test_it_plays_fits_a_phone_and_follows_the_colour_scheme(tab):
    tab.set_viewport_size(PHONE)
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    tab.locator("[data-part=play]").click()
    tab.wait_for_function("document.querySelector('[data-part=second]').value === '2'")
    tab.locator("[data-part=play]").click()
    stopped = tab.locator("[data-part=second]").input_value()
    tab.wait_for_timeout(900)
    assert tab.locator("[data-part=second]").input_value() == stopped
    colours = []
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        colours.append(tab.evaluate("getComputedStyle(document.querySelector('.vscg-player')).backgroundColor"))
    assert colours == ["rgb(255, 255, 255)", "rgb(27, 31, 38)"]


@needs_browser
def test_in_a_notebook_it_shows_runs_without_open_blocks_and_hides_what_they_have_not(browser, tmp_path):
    avel = list(touch.RUNS).index("AVEL")
    levels = [{**clip["levels"][1], "shares": [], "vscg": [],
               **{name: [clip["levels"][1][name][avel]] for name in ("said", "looks", "on")}} for clip in DATA["clips"]]
    content = DATA | {"systems": [DATA["systems"][avel]], "ambiguities": [None],
                      "clips": [clip | {"levels": [level]} for clip, level in zip(DATA["clips"], levels, strict=True)]}
    page = tmp_path / "page.html"
    page.write_text(f'<!DOCTYPE html><meta charset="utf-8">{2 * plots.clip_player(content).data}')
    tab, faults = browser.new_page(), []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.goto(page.as_uri())
    assert [tab.locator(f"[data-part={name}]").first.is_visible() for name in (
        "second", "system", "threshold", "prior", "level", "reset")] == [True, True, False, False, False, False]
    assert tab.locator("[data-part=verdict]").first.inner_text().startswith("AVEL says")
    tab.close()
    assert faults == []
