"""How a budget of time is divided."""

import pytest

from ada.tuning import budget
from ada.tuning.budget import Speed


def test_clips_are_longer_with_more_time():
    assert budget.clips_within(60).secs == 2.0
    assert budget.clips_within(600).secs == 6.0
    assert budget.clips_within(10_000).secs == 10.0


def test_little_music_is_encoded_at_more_offsets():
    assert budget.offsets_within(audio_secs=180, budget_secs=1200) == 4
    assert budget.offsets_within(audio_secs=1800, budget_secs=1200) == 2
    assert budget.offsets_within(audio_secs=10_800, budget_secs=1200) == 1
    assert budget.offsets_within(audio_secs=0, budget_secs=1200) == 4


def test_steps_fill_the_time_left_by_setup_and_validations():
    speed = Speed(setup_secs=10, steps_per_sec=2, validation_secs=1, bits=3.0)
    # 90 s without setup: 12 validations of 1 s are less than a fifth; 78 s of steps.
    assert budget.training_within(100, speed) == (int(0.9 * 78 * 2), 12)
    # Validations of 9 s: two of them are a fifth; 72 s of steps.
    slow = Speed(10, 2, 9, 3.0)
    assert budget.training_within(100, slow) == (int(0.9 * 72 * 2), 2)


@pytest.mark.parametrize("secs", [-5, 0, 10, 20])
def test_too_few_steps_are_none(secs):
    assert budget.training_within(secs, Speed(10, 2, 1, 3.0)).num_steps == 0


def test_a_training_is_validated_at_least_once():
    assert budget.training_within(100, Speed(1, 2, 60, 3.0)).validations == 1


def test_the_last_level_gets_all_that_is_left():
    assert budget.share_of(100, is_last=True) == 100
    assert budget.share_of(100, is_last=False) == pytest.approx(35)
