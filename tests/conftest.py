"""Quiet TensorFlow, fixed seeds, tiny models, what depends on what, and audio for commands."""

import ada  # noqa: F401  # isort: skip -- before TensorFlow, which it keeps quiet

import functools
import gc
import os
import shutil
import signal
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from forked import look_for_garbage_seldom

from ada.audio import write_wav

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Shells start what is to run in the background without Ctrl-C, and commands inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# They take minutes each: begun first, so that no worker is left alone with one at the end.
LONG = [
    "docs/test_readme.py",
    "tools/test_systems.py",
    "tuning/test_tune.py",
    "commands/test_pbt.py",
    "training/test_replicas.py",
    "commands/test_faults.py",
    "tools/test_benchmark.py",
    "serving/test_servables.py",
    "training/test_resume.py",
    "commands/test_pipeline.py",
    "training/test_note_codes.py",
    "training/test_tensorboard.py",
    "training/test_member.py",
    "population/test_engine.py",
    "serving/test_exporting.py",
    "training/test_phases.py",
    "training/test_start.py",
    "training/test_loop.py",
    "commands/test_sample.py",
    "commands/test_gin_files.py",
    "commands/test_wheel.py",
    "tools/test_tour.py",
    "tools/test_long_range.py",
    "tools/test_ablation.py",
]


def pytest_collection_modifyitems(items):
    order = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(f"{item.path.parent.name}/{item.path.name}", len(LONG)))


def pytest_collection_finish():
    gc.collect()
    look_for_garbage_seldom()
    # A command that a test imports would define its flags for all others in the same process.
    modules = flags.FLAGS.flags_by_module_dict()
    ours = ("ada.", "tools.", "data_prep.")
    defined = [name for name in modules if modules[name] and name.startswith(ours)]
    assert not defined, f"a test imports commands, which define flags: {defined}"


@pytest.fixture(autouse=True)
def _seeds():
    keras.utils.set_random_seed(0)


@pytest.fixture
def eagerly():
    """Functions of TensorFlow are not traced: cheaper where they run a few times, and alike."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def music(tmp_path_factory):
    """Three files of two seconds of arpeggios."""
    directory = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(0)
    for number in range(3):
        notes = 220.0 * 2 ** (rng.integers(0, 24, 16) / 12)
        frequency = np.repeat(notes, 2000)
        decay = np.tile(np.exp(-np.arange(2000) / 800), 16)
        audio = 0.5 * decay * np.sin(2 * np.pi * np.cumsum(frequency) / 16000)
        write_wav(directory / f"piece{number}.wav", audio.astype(np.float32), 16000)
    return directory


@pytest.fixture(scope="session")
def randomize():
    """Gives a built layer or model random weights: zero biases would hide mistakes."""

    def randomized(network, seed=0, scale=0.4):
        rng = np.random.default_rng(seed)
        for weight in network.trainable_weights:
            weight.assign(rng.normal(0.0, scale, weight.shape))
        return network

    return randomized


@pytest.fixture(scope="session")
def make_wavenet(randomize):
    """A function that makes a tiny WaveNet of random weights."""
    from ada.models import WaveNet  # here, so that tests of audio need no models

    def make(num_stacks=1, layers_per_stack=3, kernel_size=2, channels=0, seed=0, **kwargs):
        model = WaveNet(7, num_stacks, layers_per_stack, kernel_size, 6, 16, channels, **kwargs)
        model.build()
        return randomize(model, seed)

    return make


@pytest.fixture(scope="session")
def make_autoencoder(randomize):
    """A function that makes a tiny autoencoder of random weights."""
    from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet
    from ada.quantizers import VectorQuantizer

    def make(hop_length=4, quantizer=None, upsample=False, kernel_size=2, dtype=None, **kwargs):
        inner = {"dtype": dtype}
        model = AutoregressiveDiscreteAutoencoder(
            Encoder(hop_length, 7, 6, (1,), input_channels=8, ordinal_classes=False, **inner),
            quantizer or VectorQuantizer(8, 3),
            Modulator(4, (1, 2), upsample_by=hop_length if upsample else 1, **inner),
            WaveNet(7, 1, 3, kernel_size, 6, 16, 4, **inner, **kwargs),
            **inner,
        )
        model.build()
        return randomize(model)

    return make


@pytest.fixture(scope="session")
def make_note_autoencoder(randomize):
    """A function that makes a tiny autoencoder with everything of gin/notes.gin, random weights."""
    from ada.extensions import FilterbankFrontEnd, GroupedVectorQuantizer, SpectralLoss
    from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet

    def make(hop_length=4, group_length=2, built=True, **kwargs):
        filters = {"lowest_hz": 900.0, "num_taps": 4 * hop_length, "num_classes": 7}
        model = AutoregressiveDiscreteAutoencoder(
            Encoder(
                *(hop_length, 7, 6, (1,)),
                front_end=FilterbankFrontEnd(hop_length, 6, num_filters=8, **filters),
            ),
            GroupedVectorQuantizer(4 * group_length, 3, group_length, **kwargs),
            Modulator(4, (1, 2), upsample_by=2),
            WaveNet(7, 1, 3, 2, 6, 16, 4),
            SpectralLoss(hop_length, num_bands=5, **filters),
        )
        if not built:
            return model
        model.build()
        return randomize(model)

    return make


@pytest.fixture(scope="session")
def chain_dirs(make_chain_dirs):
    """Run directories of tiny chains, top first, by their number of levels; audio at 1000 Hz."""
    return make_chain_dirs(1000)


@pytest.fixture(scope="session")
def make_chain_dirs(make_wavenet, make_autoencoder, tmp_path_factory):
    """A function that makes such chains at a sample rate."""
    from support import write_run

    from ada.quantizers import VectorQuantizer

    def make(sample_rate):
        root = tmp_path_factory.mktemp("chains")

        def run(name, model, below=None):
            return write_run(root / name, model, sample_rate, below)

        level1 = run("level1", make_autoencoder(quantizer=VectorQuantizer(7, 3)))
        level2 = run("level2", make_autoencoder(quantizer=VectorQuantizer(7, 3)), level1)
        return {
            1: [run("wavenet", make_wavenet())],
            2: [run("prior1", make_wavenet(seed=1), level1), level1],
            3: [run("prior2", make_wavenet(seed=2), level2), level2, level1],
        }

    return make


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window, from Playwright; pages of it are a test's own."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is an extra")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium")
    quiet = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        # A microphone that beeps, and may be used.
        *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
    ]
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=quiet)
        yield chromium
        chromium.close()


@pytest.fixture
def deadly(tmp_path, monkeypatch):
    """Makes from a number of deaths what runs jobs on Beam while that number of workers die.

    The function has an attribute `died`, which counts them.
    """
    pytest.importorskip("apache_beam", reason="Apache Beam is an extra")
    from deadly import run_on_dying_workers

    marks = tmp_path / "deaths"
    path = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))

    def run_jobs(deaths):
        return functools.partial(run_on_dying_workers, deaths, marks=marks)

    run_jobs.died = lambda: len(list(marks.iterdir()))
    return run_jobs


@pytest.fixture(scope="session")
def influences():
    """A function that finds out what changes what: bool `[output_steps, input_steps]`.

    It takes a network and two arrays `[trials, time, ...]`; every step of the first in turn is
    replaced by that of the second.
    """

    def found(network, inputs, others):
        trials, time = inputs.shape[:2]
        steps = np.arange(time)
        rows = np.stack([inputs] * (time + 1), axis=1)
        rows[:, steps + 1, steps] = others
        outputs = np.asarray(network(rows.reshape(-1, *rows.shape[2:])))
        outputs = outputs.reshape(trials, time + 1, outputs.shape[1], -1)
        # The order of sums may differ between rows, by rounding.
        difference = np.abs(outputs[:, 1:] - outputs[:, :1]).max((0, 3))
        return (difference > 1e-6).T

    return found


@pytest.fixture(scope="session")
def id_influences(influences):
    """The same for a network over `num_classes` ids; inputs are made up."""

    def found(network, steps, num_classes=7, trials=6):
        rng = np.random.default_rng(1)
        ids = rng.integers(0, num_classes, (trials, steps))
        others = (ids + rng.integers(1, num_classes, ids.shape)) % num_classes
        return influences(network, ids, others)

    return found


@pytest.fixture
def queries():
    """Float32 `[2, 4, 3]`."""
    return np.random.default_rng(1).normal(size=(2, 4, 3)).astype(np.float32)


@pytest.fixture(params=["equal", "unequal"])
def weights(request):
    """What is given to a quantiser, and the shares `[2, 4]` meant by it."""
    if request.param == "equal":
        return None, np.full((2, 4), 1 / 8)
    shares = np.random.default_rng(2).uniform(size=(2, 4)).astype(np.float32)
    shares[1, 3] = 0.0
    return shares / shares.sum(), shares / shares.sum()
