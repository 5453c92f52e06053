"""Raters in a real browser: keys, reloads, a dying server, a phone."""

import contextlib
import re
import sqlite3

import accessibility
import pytest
from listening_support import SYSTEMS, Server, write_samples
from support import run

from ada.listening import Store

playwright = pytest.importorskip("playwright.sync_api")


class Visit:
    """A page, and all that it asked for, was answered and complained about."""

    def __init__(self, browser, url, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.requests, self.answers, self.complaints = [], [], []
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.on("requestfinished", self._keep)
        self.page.on("console", lambda m: self.complaints.append(m.text))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.url = url
        self.page.goto(url)

    def _keep(self, request):
        answer = request.response()
        body = b""
        with contextlib.suppress(playwright.Error):  # what plays is streamed, and not kept
            body = answer.body()
        self.answers.append(f"{request.url} {answer.all_headers()} {body!r}")

    def sees(self, selector, text=None):
        seen = playwright.expect(self.page.locator(selector))
        seen.to_be_visible(timeout=30_000)
        if text is not None:
            seen.to_have_text(text, timeout=30_000)

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def clip(self):
        return self.page.locator("#audio").get_attribute("src").split("/")[1]

    def hears_and_rates(self, place, total, fidelity, musicality):
        """Rates the clip that is shown by keys alone; returns its key."""
        self.sees("#heading", f"Clip {place} of {total}")
        clip = self.clip()
        self.press(str(fidelity), str(musicality))
        self.sees("#hint", "Listen to the whole clip first.")
        self.press("Enter")
        self.sees("#heading", f"Clip {place} of {total}")
        self.press("Space")
        playwright.expect(self.page.locator("#next")).to_be_enabled(timeout=30_000)
        return clip


def test_from_the_first_page_to_the_results(browser, tmp_path):
    samples = write_samples(tmp_path / "samples", 2)
    db = tmp_path / "ratings.sqlite"
    given = {}
    with Server(samples, db) as server:
        visit = Visit(browser, server.url)
        visit.sees("#total", "6 short clips")
        visit.press("Tab", "Enter")
        for place in (1, 2, 3):
            clip = visit.hears_and_rates(place, 6, place, place + 1)
            given[clip] = place, place + 1
            visit.press("Enter")
        # In the middle, the page is reloaded.
        visit.sees("#heading", "Clip 4 of 6")
        fourth = visit.clip()
        visit.page.reload()
        assert visit.hears_and_rates(4, 6, 5, 1) == fourth
        assert visit.complaints == []
        # The server dies: the rating is kept, and sent when there is one again.
        server.kill()
        visit.press("Enter")
        visit.sees("#notice", re.compile("Your rating is kept"))
        server.start()
        given[fourth] = 5, 1
        given[visit.hears_and_rates(5, 6, 2, 2)] = 2, 2
        playwright.expect(visit.page.locator("#notice")).to_be_hidden()
        # It dies again, and the page is reloaded before the rating was sent.
        server.kill()
        visit.press("Enter")
        visit.sees("#notice", re.compile("Your rating is kept"))
        server.start()
        visit.page.reload()
        # Back to the first clip, which is rated again with the mouse.
        visit.sees("#heading", "Clip 6 of 6")
        for place in (5, 4, 3, 2, 1):
            visit.page.click("#back")
            visit.sees("#heading", f"Clip {place} of 6")
        assert visit.page.locator("#fidelity input:checked").input_value() == "1"
        visit.page.check("#fidelity input[value='4']")
        given[visit.clip()] = 4, 2
        for place in (2, 3, 4, 5, 6):
            visit.page.click("#next")
            visit.sees("#heading", f"Clip {place} of 6")
        given[visit.hears_and_rates(6, 6, 3, 3)] = 3, 3
        visit.press("Enter")
        visit.sees("#thanks", "Thank you")
        visit.page.reload()
        visit.sees("#thanks", "Thank you")
        # That the server was away is all there is to complain about.
        assert [text for text in visit.complaints if "net::ERR_" not in text] == []
        assert all(url.startswith((server.url, "data:", "blob:")) for url in visit.requests)
        traffic = "\n".join([*visit.requests, *visit.answers, visit.page.content()])
        assert "Fidelity" in traffic and len(visit.answers) > 20
        assert not [s for s in (*SYSTEMS, "sample_0", str(tmp_path)) if s in traffic]
        visit.context.close()
        process = run("ada.listen", "results", f"--db={db}")
    assert process.returncode == 0, process.stderr
    with sqlite3.connect(db) as connection:
        systems = dict(connection.execute("SELECT key, system FROM clips"))
    connection.close()
    for system in SYSTEMS:
        pairs = [rating for clip, rating in given.items() if systems[clip] == system]
        means = [f"{sum(values) / 2:.2f}" for values in zip(*pairs, strict=True)]
        [line] = [x for x in process.stdout.splitlines() if x.startswith(system)]
        assert line.split() == [system, "2", "1", *means]


def test_rating_changed_while_saving_is_saved_too(browser, tmp_path):
    """And in a browser that keeps nothing."""
    samples = write_samples(tmp_path / "samples", 2, systems=SYSTEMS[:1])
    db = tmp_path / "ratings.sqlite"
    with Server(samples, db) as server:
        visit = Visit(browser, server.url)
        visit.page.add_init_script(
            "Object.defineProperty(window, 'localStorage', {get() { throw new Error('denied'); }})"
        )
        visit.page.reload()
        visit.page.click("#begin")
        visit.hears_and_rates(1, 2, 2, 2)
        server.kill()
        visit.press("Enter")
        visit.sees("#notice", re.compile("The server cannot be reached"))
        visit.page.check("#fidelity input[value='5']")
        server.start()
        visit.sees("#heading", "Clip 2 of 2")
        visit.context.close()
    store = Store(db)
    assert [rating[3:5] for rating in store.ratings()] == [(5, 2)]
    store.close()


def test_a_clip_that_does_not_come_is_asked_for_again(browser, tmp_path):
    samples = write_samples(tmp_path / "samples", 1, systems=SYSTEMS[:1])
    clip = samples / SYSTEMS[0] / "sample_000.wav"
    with Server(samples, tmp_path / "ratings.sqlite") as server:
        visit = Visit(browser, server.url)
        visit.sees("#total", "one clip")
        clip.rename(tmp_path / "away.wav")
        visit.page.click("#begin")
        visit.sees("#notice", "The clip cannot be loaded: trying again …")
        (tmp_path / "away.wav").rename(clip)
        playwright.expect(visit.page.locator("#notice")).to_be_hidden(timeout=30_000)
        visit.hears_and_rates(1, 1, 5, 5)
        visit.press("Enter")
        visit.sees("#thanks", "Thank you")
        visit.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(375, 667), (320, 568)])
def test_on_a_phone(browser, shared_server, size, scheme):
    viewport = dict(zip(("width", "height"), size, strict=True))
    options = {"viewport": viewport, "has_touch": True, "is_mobile": True, "color_scheme": scheme}
    visit = Visit(browser, shared_server.url, **options)

    def fits(page):
        width = visit.page.evaluate("document.documentElement.scrollWidth")
        assert width == viewport["width"]
        for target in visit.page.locator(f"#{page} button, #{page} label").all():
            box = target.bounding_box()
            assert min(box["width"], box["height"]) >= 44, target.text_content()
            inside = target.evaluate("(e) => e.scrollWidth <= e.clientWidth")
            assert inside, target.text_content()

    visit.sees("#begin")
    fits("start")
    visit.page.tap("#begin")
    visit.sees("#heading", "Clip 1 of 6")
    fits("rate")
    if size == (375, 667):
        # All of it at once.
        assert visit.page.evaluate("document.documentElement.scrollHeight") == viewport["height"]
    visit.page.tap("#fidelity label:nth-child(2)")
    visit.page.tap("#musicality label:nth-child(5)")
    visit.page.tap("#play")
    playwright.expect(visit.page.locator("#next")).to_be_enabled(timeout=30_000)
    visit.page.tap("#next")
    visit.sees("#heading", "Clip 2 of 6")
    assert visit.complaints == []
    visit.context.close()


def test_names_and_roles_for_those_who_do_not_see(browser, shared_server):
    visit = Visit(browser, shared_server.url)
    page = visit.page
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("heading", name="Clip 1 of 6").wait_for()
    assert page.get_by_role("progressbar", name="Clips rated").get_attribute("aria-valuenow") == "0"
    for scale in ("Fidelity", "Musicality"):
        group = page.get_by_role("group", name=scale)
        assert group.get_by_role("radio").count() == 5
        assert group.get_by_role("radio", name="5 excellent").count() == 1
    # By Tab: play, both scales; arrows choose; the focus is always visible.
    order = []
    for _ in range(3):
        visit.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
    assert order == ["play", "fidelity", "musicality"]
    visit.press("Space")
    assert page.locator("#musicality input:checked").input_value() == "1"
    assert page.evaluate("document.getElementById('audio').paused")
    visit.press("ArrowRight")
    assert page.locator("#musicality input:checked").count() == 1
    label = page.locator("#musicality label:has(:checked)")
    assert label.evaluate("(e) => getComputedStyle(e).outlineStyle") == "solid"
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").wait_for()
    visit.context.close()


def test_every_step_is_accessible_and_whole_at_phone_width(browser, tmp_path):
    samples = write_samples(tmp_path / "samples", 1)
    with Server(samples, tmp_path / "r.sqlite") as server:
        visit = Visit(browser, server.url)
        visit.sees("#begin")
        accessibility.check(visit.page)
        visit.page.click("#begin")
        visit.sees("#heading", "Clip 1 of 3")
        accessibility.check(visit.page)
        visit.context.close()
