"""Scores of clips and how they are shown: as text, on the page, in CSV."""

import numpy as np
import pytest

from ada.evaluation import note_report, transcription
from ada.evaluation.comparison_page import write_comparison
from ada.evaluation.note_agreement import f1_of_frames, f1_of_notes
from ada.evaluation.note_files import NOTES, read_notes, write_notes
from ada.evaluation.note_scores import generated_scores, reconstruction_scores, statistic
from ada.evaluation.notes import notes_of
from ada.evaluation.piano_roll import pitch_range, roll_block
from ada.evaluation.reconstruction import Reconstructions
from ada.evaluation.transcription import Transcription

RATE = 16000


@pytest.fixture(scope="module")
def scored(play, melody, chords):
    """Scores and notes of two clips of 4.4 s; the second "level" loses the second clip's notes."""
    if not transcription.is_installed():
        pytest.skip("the weights are a package of their own")
    clips = np.stack([play(melody, 6.4)[: int(4.4 * RATE)], play(chords, 4.4)])
    lost = clips * np.array([[1.0], [0.0]], np.float32)
    scores, notes = reconstruction_scores(Reconstructions(RATE, clips, {1: clips, 2: lost}, clips))
    more, generated = generated_scores(lost, clips, RATE)
    return scores | more, notes | generated


def test_statistics_leave_out_what_is_unknown():
    two = {"mean": 2.0, "error": 1.0, "min": 1.0, "max": 3.0, "clips": 2}
    assert statistic([1.0, None, 3.0]) == two
    assert statistic([2.0]) == {"mean": 2.0, "error": None, "min": 2.0, "max": 2.0, "clips": 1}
    assert statistic([None]) is None


def test_note_f1_has_known_answers():
    pytest.importorskip("mir_eval")
    three = notes_of([(0, 1, 60), (1, 2, 62), (2, 3, 64)])
    assert f1_of_notes(three, three) == 1.0
    # One is a semitone off, one 60 ms late; 40 ms late and a later end are right.
    other = notes_of([(0.04, 3, 60), (1, 2, 63), (2.06, 3, 64)])
    assert f1_of_notes(three, other) == pytest.approx(1 / 3)
    assert f1_of_notes(three, notes_of([(0, 1, 60)])) == pytest.approx(2 * 1 * (1 / 3) / (4 / 3))
    assert f1_of_notes(three, notes_of([])) == 0.0
    assert f1_of_notes(notes_of([]), notes_of([])) is None


def test_frame_f1_has_known_answers():
    pytest.importorskip("mir_eval")

    def heard(keys_of_frames):
        activations = np.zeros((len(keys_of_frames), 88), np.float32)
        for row, keys in zip(activations, keys_of_frames, strict=True):
            row[keys] = 0.5
        return Transcription(notes_of([]), activations, np.arange(len(activations)) / 86, 1.0)

    assert f1_of_frames(heard([[40], [40, 44]]), heard([[40], [40, 44]])) == 1.0
    # Two of three sound, and one that should not.
    assert f1_of_frames(heard([[40], [40, 44]]), heard([[40], [40, 45]])) == pytest.approx(2 / 3)
    assert f1_of_frames(heard([[40]]), heard([[]])) == 0.0
    assert f1_of_frames(heard([[]]), heard([[]])) is None


def test_reconstructions_lie_between_floor_and_ceiling(scored):
    scores, notes = scored
    one, two = scores["reconstruction"]
    assert (one["levels"], one["note_f1"]["mean"], scores["mu_law"]["note_f1"]["mean"]) == (1, 1, 1)
    assert (two["note_f1"]["mean"], two["frame_f1"]["clips"]) == (0.5, 2)
    assert scores["other_clip"]["note_f1"]["mean"] < 0.3
    assert len(notes["reconstruction2_1"].onsets) == 0 < len(notes["original_1"].onsets)


def test_generated_clips_stand_beside_real_ones_and_controls(scored):
    scores, _ = scored
    made, real, controls = scores["generated"], scores["real"], scores["controls"]
    assert made["notes_per_sec"]["mean"] < real["notes_per_sec"]["mean"]
    assert made["longest_silence_secs"]["mean"] > real["longest_silence_secs"]["mean"]
    assert made["polyphony"]["clips"] == 1
    assert controls["noise"]["sounding_share"]["mean"] < 0.3
    assert controls.keys() >= {"other_clip", "transposed_third", "random_pitches", "murmur"}


def test_tables_and_lines_say_what_is_better(scored):
    result = {"name": "mine", "notes": scored[0]}
    kept, like_real = note_report.tables([result, {"name": "other"}])
    assert all("higher is better" in name for name in kept[0][1:])
    assert [row[0] for row in kept[1]] == [
        "mine: reconstruction, 1 level",
        "mine: reconstruction, 2 levels",
        "mine: mu-law alone (ceiling)",
        "mine: another clip (floor)",
    ]
    assert "as near to real" in like_real[0][0]
    assert [row[0] for row in like_real[1]][:2] == ["mine", "real"]
    assert sum("control" in row[0] for row in like_real[1]) == 5
    text = "\n".join(note_report.lines(result))
    assert "notes kept, reconstruction, 2 levels: note F1 0.50 ± 0.50" in text
    assert "notes, real: notes per second" in text
    assert note_report.lines({"name": "other"}) == []


def test_csv_has_every_statistic(scored):
    rows = list(note_report.csv_rows([{"name": "mine", "notes": scored[0]}]))
    assert ["mine", "reconstruction_2", "note_f1", 0.5, 0.5, 0.0, 1.0, 2] in rows
    assert {row[1] for row in rows} >= {"mu_law", "generated", "real", "control_noise"}
    columns = note_report.summary_columns({"notes": scored[0]})
    assert (columns["note_f1"], columns["note_f1_mu_law"]) == (0.5, 1.0)
    assert columns["polyphony_real"] > 1


def test_page_has_rolls_and_words(scored, play, melody, tmp_path):
    from ada.audio import write_wav

    scores, notes = scored
    for name in ("original_0", "reconstruction_0", "generated_1"):
        write_wav(str(tmp_path / f"{name}.wav"), play(melody, 6.4), RATE)
    write_notes(tmp_path / NOTES, notes)
    level = {"conditional": False, "bits_per_sample": 1.0, "bits_per_sec": 1.0, "kind": "audio"}
    result = {"name": "mine", "split": "validation", "levels": [level | {"files": []}]}
    write_comparison(tmp_path / "page.html", [result | {"notes": scores}], [RATE], [tmp_path])
    html = (tmp_path / "page.html").read_text()
    assert html.count('<div class="roll">') == html.count("<audio") == 3
    # What has no notes has an empty roll.
    assert "Piano roll of generated 1: 0 notes" in html
    for words in ("ours, not the paper&#39;s", "as near to that of real audio as possible"):
        assert words in html
    # Without notes beside the clips there are no rolls.
    (tmp_path / NOTES).unlink()
    write_comparison(tmp_path / "page.html", [result], [RATE], [tmp_path])
    assert '<div class="roll">' not in (tmp_path / "page.html").read_text()


def test_roll_draws_every_note_in_colours_of_the_page():
    notes = notes_of([(0, 1, 60), (0.5, 2, 72)])
    block = roll_block("<mine>", notes, 4.0, pitch_range([notes]))
    assert "&lt;mine&gt;: 2 notes" in block
    assert block.count("v.8") == 2
    assert 'viewBox="0 0 4.000 25"' in block
    assert "M0.500 6.1h1.500v.8h-1.500z" in block  # from 54 to 78
    assert pitch_range([]) == (48, 72)


def test_notes_are_read_as_they_were_written(tmp_path):
    notes = notes_of([(0.25, 1.5, 60), (0.25, 1, 64)])
    write_notes(tmp_path / NOTES, {"original_0": notes, "silent": notes_of([])})
    read = read_notes(tmp_path / NOTES)
    assert list(read) == ["original_0"]
    for one, other in zip(read["original_0"], notes, strict=True):
        np.testing.assert_array_equal(one, other)
