"""A generation that is killed at any act on the disk goes on as if it had not been."""

import numpy as np
import pytest
from recordings import SETTINGS, contents, made

from ada.generation import exports, journal, recording

pytestmark = pytest.mark.usefixtures("short_blocks")


class Killed(Exception):  # noqa: N818
    pass


@pytest.fixture
def deaths(monkeypatch):
    """A function after which the so-manieth act on the disk from then is done in part, or not."""
    countdown, rng = [0], np.random.default_rng(0)

    def dying(act, in_part):
        def does(*args, **kwargs):
            countdown[0] -= 1
            if countdown[0]:
                return act(*args, **kwargs)
            if rng.integers(0, 2):
                in_part(*args, **kwargs)
            raise Killed

        return does

    def half(path, data):
        with path.open("ab") as file:
            file.write(data[: int(rng.integers(0, len(data) + 1))])

    monkeypatch.setattr(journal, "_append", dying(journal._append, half))
    for module, name in (
        (recording, "write_wav_from"),
        (recording, "write_bytes_atomically"),
        (recording, "_discard"),
        (exports, "write_bytes_atomically"),
        (recording.Path, "unlink"),
        (recording.Path, "replace"),
        (recording.zipfile.ZipFile, "open"),
    ):
        act = getattr(module, name)
        monkeypatch.setattr(module, name, dying(act, act))

    def within(acts):
        countdown[0] = int(rng.integers(1, acts)) if acts else -1

    return within


def killed_until_done(deaths, directory, request, acts=30, **options):
    """How often a command was killed before it ended."""
    kills = 0
    while True:
        deaths(acts)
        try:
            made(directory, request, **options)
            deaths(0)
            return kills
        except Killed:
            kills += 1


def test_killed_at_any_act_on_the_disk_it_goes_on(whole, request_, tmp_path, deaths):
    assert killed_until_done(deaths, tmp_path, request_) > 5
    assert contents(tmp_path) == contents(whole)
    # One that lost a clip is made again, and is not taken for finished half-way.
    (tmp_path / "sample_001.wav").unlink()
    assert killed_until_done(deaths, tmp_path, request_) > 5
    assert contents(tmp_path) == contents(whole)


def test_killed_while_it_replaces_another_it_goes_on(whole, request_, tmp_path, deaths):
    other = SETTINGS | {"seed": 4}
    for stop in (None, 3):
        for _ in range(2):
            made(tmp_path, request_, settings=other, overwrite=True, stop=stop)
            killed_until_done(deaths, tmp_path, request_, overwrite=True)
            assert contents(tmp_path) == contents(whole)


def test_killed_while_it_is_compressed_it_goes_on(request_, tmp_path, deaths):
    made(tmp_path / "whole", request_, form="flac")
    assert killed_until_done(deaths, tmp_path / "killed", request_, 60, form="flac") > 2
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert not list(tmp_path.glob("*/*.wav"))
