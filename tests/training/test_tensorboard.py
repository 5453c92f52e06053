"""What a run writes, as the real TensorBoard shows it in a real browser."""

import dataclasses
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
from support import free_ports
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet
from ada.population import History
from ada.population.history import Comparison, Standing
from ada.population.table import write_population
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.quantizers import VectorQuantizer
from ada.training import Intervals, TrainingSettings, train

RATES = {0: (1e-3, 8e-4), 1: (5e-3, 6e-3)}


def audio_autoencoder():
    return AutoregressiveDiscreteAutoencoder(
        Encoder(16, 256, 8, (1,)),
        VectorQuantizer(32, 4),
        Modulator(8, (1,)),
        WaveNet(256, 1, 2, 2, 8, 8, 8),
    )


def population():
    """Two members compared twice."""
    return History(
        tuple(
            Comparison(
                step,
                tuple(
                    Standing(m, {"Optimization.learning_rate": rates[k]}, 5.0 + m, True, None)
                    for m, rates in RATES.items()
                ),
            )
            for k, step in enumerate((2, 4))
        )
    )


@pytest.fixture(scope="module")
def runs(settings, markov_dataset, music, tmp_path_factory, trainers):
    """A directory of runs: one of audio, and two members of a population."""
    root = tmp_path_factory.mktemp("tensorboard")
    prepare(str(root / "audio"), AudioOptions(inputs=(f"{music}/*.wav",), sample_rate=16000))
    of_audio = TrainingSettings(
        model=audio_autoencoder,
        num_steps=4,
        batch_size=2,
        crop_steps=256,
        intervals=Intervals(log=1, validate=4, save=4, audio_secs=0.1),
        jit_compile=False,
    )
    about = {"model": "Twelve monkeys."}
    train(of_audio, str(root / "runs" / "hop16"), str(root / "audio"), about=lambda _: about)
    intervals = Intervals(log=1, validate=4, save=4, audio_secs=0.0)
    of_member = dataclasses.replace(settings, num_steps=4, intervals=intervals)
    search = root / "runs" / "pbt" / "search"
    with trainers():
        for member in RATES:
            # As one that searches: its row is written by who compares them.
            train(of_member, str(search / f"member{member}"), markov_dataset)
    write_population(population(), search)
    return root / "runs"


def test_a_member_has_one_row_with_what_it_was_trained_with_last(runs):
    member = runs / "pbt" / "search" / "member1"
    assert len(list(member.glob("*.hparams"))) == 1
    events = EventAccumulator(str(member)).Reload()
    data = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"member1 (" in data
    tag = "hyperparameters/Optimization.learning_rate"
    found = [(e.step, float(tf.make_ndarray(e.tensor_proto))) for e in events.Tensors(tag)]
    assert [step for step, _ in found] == [2, 4]
    np.testing.assert_allclose([value for _, value in found], RATES[1], rtol=1e-6)


@pytest.fixture(scope="module")
def tensorboard(runs):
    """The address of a TensorBoard of the runs, once it has read them."""
    [port] = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tensorboard.main", f"--logdir={runs}", f"--port={port}"]
    process = subprocess.Popen(
        [*command, "--host=127.0.0.1", "--reload_interval=1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wanted = {"hop16", "hop16/train", "hop16/validation"}
    wanted |= {f"pbt/search/member{m}/validation" for m in RATES}
    try:
        deadline = time.monotonic() + 120
        while not wanted <= runs_known(address):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def runs_known(address):
    try:
        with urllib.request.urlopen(f"{address}/data/runs") as answer:
            return set(json.load(answer))
    except (urllib.error.URLError, OSError):
        return set()


@pytest.fixture
def page(tensorboard, browser):
    """A function that opens a tab of TensorBoard."""
    page = browser.new_page(viewport={"width": 1500, "height": 1400})
    page.set_default_timeout(60_000)

    def open_tab(name):
        page.goto("about:blank")
        page.goto(f"{tensorboard}/#{name}")
        return page

    yield open_tab
    page.close()


@pytest.mark.long
def test_the_codebook_panel_is_drawn_as_one_group(page):
    shown = page("custom_scalars")
    for text in ("Codebook health", "perplexity", "dead codes", "age of dead codes, steps"):
        shown.get_by_text(text, exact=True).first.wait_for()
    # Every chart found its numbers: bits, loss terms and so on.
    shown.get_by_text(re.compile(r"Matches \([1-9]")).nth(8).wait_for()


@pytest.mark.long
def test_scalars_stand_in_groups(page):
    shown = page("scalars")
    for group in ("codebook", "loss", "optimizer", "speed", "reconstruction_bits"):
        shown.get_by_text(group, exact=True).first.wait_for()
    shown.get_by_text("codebook/dead_codes", exact=True).first.wait_for()


@pytest.mark.long
def test_clips_can_be_played(page):
    shown = page("audio")
    for name in ("clips/original", "clips/reconstruction"):
        shown.get_by_text(name, exact=True).first.wait_for()
    players = shown.locator("audio")
    players.nth(1).wait_for()
    for number in range(2):
        # The browser has decoded it: 0.1 s.
        length = players.nth(number).evaluate(
            "player => new Promise(done => player.duration ? done(player.duration)"
            " : player.addEventListener('loadedmetadata', () => done(player.duration)))"
        )
        assert length == pytest.approx(0.1, abs=0.01)


@pytest.mark.long
def test_pictures_are_shown(page):
    shown = page("images")
    for name in ("clips/spectrograms", "clips/codes", "codebook/health"):
        shown.get_by_text(name, exact=True).first.wait_for()
    pictures = shown.locator("img")
    pictures.nth(3).wait_for()
    widths = [
        picture.evaluate("p => p.decode().then(() => p.naturalWidth)")
        for picture in pictures.all()[:4]
    ]
    assert widths == [880] * 4


@pytest.mark.long
def test_model_is_described_in_words(page):
    page("text").get_by_text("Twelve monkeys.").first.wait_for()


@pytest.mark.long
def test_runs_and_members_are_rows_of_one_table(page):
    shown = page("hparams")
    for name in ("hop16", "member0", "member1"):
        shown.get_by_text(name).first.wait_for()
    for text in ("best_bits", "perplexity", "Optimization.learning_rate"):
        shown.get_by_text(text).first.wait_for()
    # Of each member, what it was trained with last.
    for _, last in RATES.values():
        shown.get_by_text(f"{last:#.5g}", exact=True).first.wait_for()
