"""The page of `ada play` in a real browser: sound included."""

import threading
from pathlib import Path

import accessibility
import numpy as np
import pytest
import soundfile

from ada.playing.jobs import JobQueue
from ada.playing.server import MOST_BYTES, make_app
from ada.web.connections import make_server
from ada.web.protection import listen_on


@pytest.fixture(scope="module")
def where(systems, tmp_path_factory):
    """Address of a server of the tiny systems, and the folder of its clips."""
    clips = tmp_path_factory.mktemp("browser") / "clips"
    listening = listen_on("127.0.0.1", 0)
    host = f"127.0.0.1:{listening.getsockname()[1]}"
    by_name = {str(levels): system for levels, system in systems.items()}
    by_name = {name: system._replace(name=name) for name, system in by_name.items()}
    app = make_app(JobQueue(clips), by_name, clips)
    server = make_server(app, listening, MOST_BYTES)
    threading.Thread(target=server.run, daemon=True).start()
    yield f"http://{host}/", clips
    server.close()


@pytest.fixture
def page(browser, where):
    """The page, opened; errors of scripts fail the test."""
    context = browser.new_context()
    opened = context.new_page()
    errors = []
    opened.on("pageerror", lambda error: errors.append(error))
    opened.goto(where[0])
    opened.wait_for_selector("#system option:nth-child(3)", state="attached")
    yield opened
    assert not errors
    context.close()


def heard(page, selector):
    """The samples that an audio element holds, as the browser decodes them."""
    return page.evaluate(
        """async (selector) => {
          const content = await (await fetch(document.querySelector(selector).src)).arrayBuffer();
          const context = new OfflineAudioContext(1, 1, 4000);
          const buffer = await context.decodeAudioData(content);
          return [buffer.duration, Math.max(...buffer.getChannelData(0).map(Math.abs))];
        }""",
        selector,
    )


def test_new_music_by_keyboard(page, where, systems):
    title = f"{Path(systems[2].run_dirs[0]).name}-new-seed5"
    page.select_option("#system", "2")
    page.click("summary")
    page.fill("#seed", "5")
    page.locator("#secs").evaluate(
        "(e) => { e.value = 3; e.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    assert page.text_content("output[for=secs]") == "3 s"
    page.focus("#go")
    page.keyboard.press("Enter")
    page.wait_for_selector("#clips li", timeout=60_000)
    assert page.text_content("#status").startswith("Done, and kept below.")
    assert page.text_content("#present-heading") == title
    assert page.evaluate(
        """() => new Promise((done, fail) => {
          const player = document.querySelector("#player");
          const look = () => {
            if (player.error) fail(player.error.message);
            else if (player.readyState) done(player.duration);
            else setTimeout(look, 20);
          };
          look();
        })"""
    ) == pytest.approx(3.0, abs=0.01)
    kept, _ = soundfile.read(where[1] / title / f"{title}.wav")
    for selector in ("#player", "#clips audio"):
        secs, loudest = heard(page, selector)
        assert secs == pytest.approx(3.0, abs=0.01)
        assert loudest == pytest.approx(np.abs(kept).max(), abs=0.1)
    with page.expect_download() as download:
        page.click("text=FLAC")
    assert download.value.suggested_filename == f"{title}.flac"


def test_ones_own_sound_is_translated_and_continued(page, tone, tmp_path):
    (tmp_path / "tune.wav").write_bytes(tone)
    page.select_option("#system", "3")
    page.check("input[value=translate]")
    page.set_input_files("#sound", tmp_path / "tune.wav")
    page.wait_for_selector("#chosen:has-text('2.0 s')")
    assert page.is_visible("#levels")
    assert page.get_attribute("#levels", "max") == "2"
    page.click("#go")
    page.wait_for_selector("#clips :text('tune-translated-1')", timeout=60_000)
    page.check("input[value=continue]")
    assert page.is_visible("#listenSecs") and not page.is_visible("#levels")
    page.click("#go")
    page.wait_for_selector("#clips :text('tune-continued')", timeout=60_000)


def test_a_recording_is_a_sound(page):
    """The microphone is one of the browser's own, which beeps once a second."""
    page.check("input[value=variation]")
    page.click("#record")
    page.wait_for_selector("#record:has-text('Stop recording')")
    page.wait_for_timeout(1500)
    page.click("#record")
    page.wait_for_selector("#chosen:has-text('recording, ')")
    assert page.is_hidden("#notice")
    page.locator("#listenSecs").evaluate(
        "(e) => { e.value = 1; e.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    page.click("#go")
    page.wait_for_selector("#clips :text('recording-varied')", timeout=60_000)


def test_only_modes_of_the_system_are_enabled(page):
    page.select_option("#system", "1")
    assert page.is_disabled("input[value=translate]")
    page.check("input[value=continue]")
    page.click("#go")
    page.wait_for_selector("#notice:has-text('Choose a sound first.')")
    page.check("input[value=new]")
    assert not page.is_visible("#prompt")


def test_the_page_is_accessible_and_whole_at_phone_width(page):
    page.check("input[value=continue]")
    page.click("summary")
    accessibility.check(page)
