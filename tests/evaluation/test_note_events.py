"""Notes from hand-written activations."""

import numpy as np

from ada.evaluation.note_events import decode_notes


def empty(frames=60):
    return np.zeros((frames, 88), np.float32), np.zeros((frames, 88), np.float32)


def test_note_lasts_from_onset_until_frames_are_quiet():
    frames, onsets = empty()
    onsets[5, 40], frames[5:30, 40] = 0.9, 0.8
    assert decode_notes(frames, onsets) == [(5, 30, 40)]


def test_short_notes_are_left_out():
    for length, found in ((11, []), (12, [(5, 17, 40)])):
        frames, onsets = empty()
        onsets[5, 40], frames[5 : 5 + length, 40] = 0.9, 0.8
        assert decode_notes(frames, onsets) == found


def test_short_pause_does_not_end_a_note():
    for pause, end in ((10, 40), (11, 20)):
        frames, onsets = empty()
        onsets[5, 40], frames[5:20, 40], frames[20 + pause : 40, 40] = 0.9, 0.8, 0.8
        assert decode_notes(frames, onsets)[0] == (5, end, 40)


def test_repeated_note_ends_the_one_before():
    frames, onsets = empty()
    onsets[[5, 25], 40], frames[5:45, 40] = 0.9, 0.8
    assert sorted(decode_notes(frames, onsets)) == [(5, 25, 40), (25, 45, 40)]


def test_neighbour_key_is_part_of_the_note():
    frames, onsets = empty()
    onsets[5, 40], frames[5:30, 40], frames[5:30, 41] = 0.9, 0.8, 0.4
    assert decode_notes(frames, onsets) == [(5, 30, 40)]


def test_loud_frames_without_onset_are_a_note():
    frames, onsets = empty()
    frames[5:30, 40] = 0.4 + 0.01 * np.arange(25)  # rises too slowly for an onset
    [(start, end, key)] = decode_notes(frames, onsets)
    assert (key, start) == (40, 5)
    assert abs(end - 30) <= 1


def test_nothing_sounds_in_quiet_frames():
    assert decode_notes(*empty()) == []
    frames, onsets = empty(0)
    assert decode_notes(frames, onsets) == []
