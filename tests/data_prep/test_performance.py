"""Properties of performances, whatever is written."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ada.rendering.clock import Clock, phrase_ends
from ada.rendering.notation import Notation, ScoreNote
from ada.rendering.performance import perform

LONG = 64.0


def rng(seed=0):
    return np.random.default_rng(seed)


@st.composite
def notations(draw):
    """Notes on a grid of 24ths of a quarter, one for each onset and pitch."""
    ticks = st.tuples(st.integers(0, 400), st.integers(60, 64), st.integers(1, 100))
    notes = draw(st.lists(ticks, min_size=1, max_size=40, unique_by=lambda note: note[:2]))
    written = [ScoreNote(a / 24, (a + length) / 24, pitch) for a, pitch, length in sorted(notes)]
    fermatas = draw(st.lists(st.sampled_from(written), max_size=3))
    # At 600 quarters per minute, notes are closer than their jitter.
    tempo = draw(st.sampled_from([None, 60.0, 600.0]))
    return Notation(tuple(written), tuple(sorted({note.end for note in fermatas})), tempo)


@settings(max_examples=60, deadline=None)
@given(notations(), st.integers(0, 1000))
def test_order_of_notes_is_kept_and_keys_are_released_in_time(notation, seed):
    played = perform(notation, rng(seed))
    assert [note.pitch for note in played] == [note.pitch for note in notation.notes]
    pairs = list(zip(notation.notes, played, strict=True))
    for (one, heard), (other, heard_later) in itertools.combinations(pairs, 2):
        if one.onset < other.onset:
            assert heard.onset < heard_later.onset
            if one.pitch == other.pitch:
                assert heard.end < heard_later.onset
    assert all(0 <= note.onset < note.end for note in played)
    assert all(1 <= note.velocity <= 127 for note in played)


def scale(num_notes=64):
    """Quarter notes over a held bass."""
    notes = [ScoreNote(float(i), i + 1.0, 60 + i % 12) for i in range(num_notes)]
    return tuple(sorted([*notes, ScoreNote(0.0, float(num_notes), 40)], key=lambda n: n.onset))


def test_performance_is_a_function_of_the_seed():
    notation = Notation(scale(), (16.0, 32.0))
    assert perform(notation, rng(1)) == perform(notation, rng(1))
    assert perform(notation, rng(1)) != perform(notation, rng(2))


@pytest.mark.parametrize("seed", range(5))
def test_fermata_slows_what_leads_to_it_and_is_followed_by_a_breath(seed):
    without = Clock(LONG, [], 60, rng(seed))
    with_one = Clock(LONG, [32.0], 60, rng(seed))

    def secs(clock, start, end):
        return clock.release(end) - clock.onset(start)

    assert secs(with_one, 31, 32) > 1.05 * secs(without, 31, 32)
    assert secs(with_one, 10, 11) == pytest.approx(secs(without, 10, 11), rel=1e-3)
    assert secs(with_one, 33, 34) == pytest.approx(secs(without, 33, 34))
    assert 0.1 < with_one.onset(32.0) - with_one.release(32.0) < 1
    assert without.onset(32.0) == without.release(32.0)


@pytest.mark.parametrize("seed", range(5))
def test_end_is_slower_than_the_middle(seed):
    clock = Clock(LONG, [], 60, rng(seed))
    middle = clock.onset(40.0) - clock.onset(39.0)
    assert clock.release(LONG) - clock.onset(LONG - 1) > 1.1 * middle


@pytest.mark.parametrize("tempo", [40.0, 160.0])
def test_metronome_mark_sets_the_tempo(tempo):
    played = perform(Notation(scale(), quarters_per_minute=tempo), rng())
    assert 60 * 32 / (played[33].onset - played[0].onset) == pytest.approx(tempo, rel=0.1)


def test_tempo_without_a_mark_differs_between_pieces():
    tempos = [perform(Notation(scale()), rng(seed))[40].onset for seed in range(8)]
    assert max(tempos) > 1.05 * min(tempos)


def test_top_voice_is_loudest():
    notes = [ScoreNote(float(i), i + 1.0, pitch) for i in range(32) for pitch in (48, 60, 72)]
    played = perform(Notation(tuple(notes)), rng())
    bass, middle, top = (
        np.mean([note.velocity for note in played if note.pitch == pitch]) for pitch in (48, 60, 72)
    )
    assert top > bass + 3 and bass > middle + 3


def test_phrases_swell():
    played = perform(Notation(scale(), (16.0, 32.0, 48.0)), rng())
    melody = [note.velocity for note in played if note.pitch != 40]
    middles = [melody[start + 6 : start + 10] for start in (0, 16, 32, 48)]
    edges = [melody[start : start + 2] + melody[start + 14 : start + 16] for start in (0, 16, 32)]
    assert np.mean(middles) > np.mean(edges) + 2


def test_fermatas_of_one_chord_are_one_phrase_end():
    assert phrase_ends([4.0, 3.5, 8.0, 8.0, 8.5]) == [4.0, 8.5]
