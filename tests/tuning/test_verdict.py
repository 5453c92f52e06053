"""What is said of a fine-tuning."""

from types import SimpleNamespace

from ada.data.spec import Dropped
from ada.preparation.inputs import BY_NAME
from ada.tuning import verdict
from ada.tuning.budget import Speed
from ada.tuning.state import LevelState, Round, State


def level(before, after, num_steps=100):
    return LevelState("start", Speed(1, 1, 1, before), num_steps, done=True, bits=after)


def state(*rounds):
    made = [Round({"prior_hop64": prior, "hop64_vqvae": sound}) for prior, sound in rounds]
    return State("piano_notes", ["music"], rounds=made)


def test_says_which_levels_learnt():
    much, little = verdict.of_levels(state((level(3.0, 2.5), level(2.0, 1.99))))
    assert much.startswith("The order of notes (prior_hop64) learnt from your music: from 3.000 to")
    assert little.startswith("The sound (hop64_vqvae) learnt a little: from 2.000 to 1.990")


def test_a_level_that_became_worse_stays_as_it_was():
    worse, untrained = verdict.of_levels(state((level(3.0, 3.2), level(2.0, None, 0))))
    assert "stayed as it was (3.000" in worse
    assert "no time" in untrained


def test_rounds_count_from_the_first():
    first, second = (level(3.0, 2.8), level(2.0, 1.9)), (level(2.8, 2.6), level(1.9, 2.1))
    prior, sound = verdict.of_levels(state(first, second))
    assert "from 3.000 to 2.600" in prior
    assert "from 2.000 to 1.900" in sound


def test_files_that_were_left_out_are_named_but_for_texts_and_pictures():
    splits = {"train": SimpleNamespace(hours=1.0), "validation": SimpleNamespace(hours=0.1)}
    cover, broken = Dropped("cover.jpg", "not_audio", BY_NAME), Dropped("b.mp3", "damaged")
    spec = SimpleNamespace(splits=splits, dropped=(cover, broken), noted=())
    assert verdict.of_music(spec)[1:] == ["1 file could not be used, the first: b.mp3 (damaged)."]
    spec.dropped = (cover,)
    assert verdict.of_music(spec) == ["Learnt from 60.0 minutes, checked with 6.0 other minutes."]


def test_copies_are_named():
    codes = {"max_secs": 4.0, "real_max_secs": 0.5, "mean_secs": 1.0, "real_mean_secs": 0.2}
    copied = verdict.of_copies({"codes": codes, "sound": None})
    assert "It copies" in copied[0] and "4.0 s" in copied[0]
    clean = verdict.of_copies({"codes": codes | {"max_secs": 0.6}, "sound": None})
    assert "not copies" in clean[0]
    near = verdict.of_copies({"codes": None, "sound": {"max": 0.95, "real_max": 0.7}})
    assert "0.95" in near[0]
    assert verdict.of_copies({"codes": None, "sound": None}) == []
