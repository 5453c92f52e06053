"""Near-copies at graded distances are ranked, and far from music that is none."""

import librosa
import numpy as np
import pytest
from evaluation.made_cases import RATE, drone, noise, real, slower, with_noise

from ada.evaluation.near_copies import fingerprint, nearest

TRAINING = ("joplin_entertainer", "joplin_bethena", "satie_gymnopedie_1")
HELD_OUT = ("joplin_easy_winners", "debussy_arabesque_1", "joplin_solace")


@pytest.fixture(scope="module")
def likeness():
    """Of copies of a part of one training piece, and of music by the same people."""
    part = real("joplin_entertainer")[round(7.3 * RATE) : round(16.3 * RATE)]

    def transposed(semitones):
        return librosa.effects.pitch_shift(part, sr=RATE, n_steps=semitones)

    copies = {
        "exact": part,
        **{f"noise {db}": with_noise(part, db) for db in (30, 15, 5, -5)},
        **{f"slower {f}": librosa.effects.time_stretch(part, rate=1 / f) for f in (1.02, 1.08)},
        **{f"transposed {s}": transposed(s) for s in (0.1, 0.3, -0.6, 1.0)},
        "speed": slower(part, 1.02),
        "everything": with_noise(slower(transposed(0.5), 1.02), 12),
        **{name: real(name, 12.0) for name in HELD_OUT},
        "drone": drone(3, 10.0),
        "noise": noise(3, 10.0),
        "silence": np.zeros(10 * RATE, np.float32),
        "short": part[: 5 * RATE],
    }
    found = nearest(list(copies.values()), [real(name) for name in TRAINING], RATE)
    return dict(zip(copies, found, strict=True))


@pytest.mark.parametrize(
    "grades",
    [
        ("exact", "noise 15", "noise 5", "noise -5"),
        ("exact", "slower 1.02", "slower 1.08"),
        ("exact", "transposed 0.1", "transposed 0.3", "transposed -0.6", "transposed 1.0"),
        ("exact", "speed", "everything"),
    ],
)
def test_the_nearer_a_copy_the_higher_its_likeness(grades, likeness):
    found = [likeness[grade] for grade in grades]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.95


def test_unrelated_music_is_far_below_near_copies(likeness):
    near = ("exact", "noise 30", "slower 1.08", "transposed -0.6", "speed", "everything")
    far = max(likeness[name] for name in HELD_OUT)
    assert min(likeness[name] for name in near) > 0.8 > 0.7 > far
    assert max(likeness["drone"], likeness["noise"]) < 0.7
    assert likeness["silence"] == likeness["short"] == 0.0


def test_a_copy_of_the_end_of_a_piece_at_another_rate():
    piece = real("joplin_solace", 20.0)
    other = librosa.resample(piece[-9 * RATE :], orig_sr=RATE, target_sr=22050)
    corpus = [librosa.resample(piece, orig_sr=RATE, target_sr=22050), np.zeros(3000, np.float32)]
    assert nearest([other], corpus, 22050)[0] > 0.95
    assert fingerprint(np.zeros(100, np.float32), RATE).shape == (0, 240)
