"""Reports in a real browser: accessible, whole at phone width, and their links lead somewhere."""

import accessibility
import numpy as np
import pytest

from ada.evaluation.notes import notes_of
from ada.evaluation.piano_roll import roll_block
from ada.pages import page
from ada.pages.charts import Curve


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """A page of everything that pages consist of, with a wide table and a long command."""
    tone = 0.3 * np.sin(np.arange(8000) / 5).astype(np.float32)
    roll = roll_block("clip", notes_of([(0.1, 0.9, 60)]), 1.0, (48, 72))
    clips = [page.Clip(f"clip {k}", tone, 8000, "caption", roll) for k in range(3)]
    header = ["system", *(f"a number of name {k}, in bits ↓" for k in range(9))]
    rows = [[name, *(f"{k}.25 ± 0.01 (7.5)" for k in range(9))] for name in ("one", "another")]
    curves = [Curve("train", [1, 2, 3], [3.0, 2.0, 1.0]), Curve("validation", [1, 3], [3.0, 2.0])]
    sections = [
        ("Listen", [page.text_block("Some words."), page.clips_block(clips)]),
        (
            "Numbers",
            [
                page.warning_block(["The decoder ignores the codes.", "A second one."]),
                page.numbers_block([("note F1", "0.5 ± 0.1", "higher is better")]),
                page.table_block(header, rows),
                page.details_block("What it means", "First.\n\nSecond."),
            ],
        ),
        (
            "Learning",
            [
                page.curves_block("Bits", curves, "step", "bits"),
                page.usage_block("Codes", np.arange(1, 9)),
            ],
        ),
        ("Again", [page.command_block("python -m ada.sample " + "--flag=value " * 30)]),
    ]
    path = tmp_path_factory.mktemp("page") / "page.html"
    page.write_page(path, page.page("A report", "A sentence.", sections, "Made by a test."))
    return path


@pytest.fixture
def opened(browser, html):
    context = browser.new_context()
    found = context.new_page()
    found.goto(html.as_uri())
    yield found
    context.close()


def test_reports_are_accessible_and_nothing_is_cut_off(opened):
    accessibility.check(opened)


def test_missing_texts_and_cut_off_parts_are_found(opened):
    opened.evaluate("document.querySelector('img').removeAttribute('alt')")
    with pytest.raises(AssertionError, match="image-alt"):
        accessibility.check(opened)
    opened.evaluate("document.querySelector('.clip').style.width = '500px'")
    with pytest.raises(AssertionError, match="Spectrogram|clip"):
        accessibility.check(opened)


def test_a_table_is_a_list_on_a_phone_and_still_a_table_for_screen_readers(opened):
    opened.set_viewport_size(accessibility.PHONE)
    cell = opened.locator("td").first
    label = cell.evaluate("(e) => getComputedStyle(e, '::before').content")
    assert label == '"a number of name 0, in bits ↓"'
    assert opened.get_by_role("cell").count() == 18
    assert opened.get_by_role("columnheader").count() == 10
    opened.set_viewport_size(accessibility.DESK)
    assert cell.evaluate("(e) => getComputedStyle(e, '::before').content") == "none"


def test_warnings_stand_above_numbers_and_links_lead_to_sections(opened):
    tops = [opened.locator(name).first.bounding_box()["y"] for name in (".clip", ".warning", "dl")]
    assert tops == sorted(tops)
    targets = opened.locator("nav a").evaluate_all("(all) => all.map((a) => a.hash.slice(1))")
    assert len(targets) == 4
    for target in targets:
        assert opened.locator(f"[id={target}]").count() == 1


def test_clips_beside_a_page_are_played(browser, tmp_path):
    """As a file is opened, where a policy may be stricter than on a server."""
    from ada.audio import encoded_bytes

    tone = 0.3 * np.sin(np.arange(8000) / 5).astype(np.float32)
    (tmp_path / "clip.mp3").write_bytes(encoded_bytes(tone, 8000, "mp3"))
    block = page.clips_block([page.Clip("clip", tone, 8000, file="clip.mp3")])
    page.write_page(tmp_path / "a.html", page.page("A", "B", [("C", [block])], has_files=True))
    opened = browser.new_page()
    opened.goto((tmp_path / "a.html").as_uri())
    opened.wait_for_function("document.querySelector('audio').readyState > 0", timeout=10_000)
    assert opened.evaluate("document.querySelector('audio').duration") == pytest.approx(1, abs=0.2)
    opened.close()
