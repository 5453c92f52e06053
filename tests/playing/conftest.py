"""Systems to play: tiny chains of random weights."""

import numpy as np
import pytest

pytest.importorskip("flask")

from ada.audio import wav_bytes  # noqa: E402
from ada.playing.jobs import JobQueue  # noqa: E402
from ada.playing.server import make_app  # noqa: E402
from ada.playing.systems import find_systems  # noqa: E402


@pytest.fixture(scope="package")
def systems(make_chain_dirs):
    """Of three levels, two and one, by their number. Browsers play no less than 3000 Hz."""
    chain_dirs = make_chain_dirs(4000)
    found = find_systems(str(chain_dirs[1][0].rsplit("/", 1)[0]))
    return {levels: found[run_dirs[0]] for levels, run_dirs in chain_dirs.items()}


@pytest.fixture(scope="package")
def clips(tmp_path_factory):
    """The folder of what is made."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="package")
def app(systems, clips):
    """The application with these systems."""
    by_name = {system.name: system for system in systems.values()}
    return make_app(JobQueue(clips), by_name, clips)


@pytest.fixture
def client(app):
    """Asks the application."""
    return app.test_client()


@pytest.fixture(scope="package")
def tone():
    """A sound of 2 s at 8 kHz, as a WAV file."""
    return wav_bytes(0.5 * np.sin(np.arange(16000) / 20), 8000)
