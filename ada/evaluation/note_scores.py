"""Measures by notes of reconstructions, of generated clips, and of controls.

The measures are ours, not the paper's; see `ada.evaluation.note_agreement` and
`ada.evaluation.notes`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ada.evaluation import clips as real_clips
from ada.evaluation.note_agreement import f1_of_frames, f1_of_notes
from ada.evaluation.note_controls import key_controls, murmur, noise
from ada.evaluation.notes import Notes, measures
from ada.evaluation.reconstruction import Reconstructions
from ada.evaluation.transcription import Transcription, transcribe_all
from ada.runs.run import Run

# Of a statistic: mean, standard error over clips (None of fewer than two), least and greatest,
# clips that have a value.
Statistic = dict[str, float | int | None]
Statistics = dict[str, Statistic | None]
MOST_REAL_CLIPS = 12


def reconstruction_scores(clips: Reconstructions) -> tuple[dict[str, Any], dict[str, Notes]]:
    """Agreement of notes between originals and reconstructions.

    The reference is the transcription of the originals as stored, in 16 bits.

    Returns:
      Scores and notes. Of the scores, "reconstruction" is a list with an entry for each number of
      "levels"; "mu_law" is what the ids alone keep, the ceiling; "other_clip" what originals of
      other clips have, the floor (None of one clip). Each has a `Statistic` of "note_f1" and of
      "frame_f1".
      Notes are by the names of `Reconstructions.named`, with the number of the clip.

    Raises:
      UserError: if the transcriber is not installed.
    """
    rate, named = clips.sample_rate, clips.named()
    reference, original = (transcribe_all(c, rate) for c in (clips.stored, named.pop("original")))
    made = {name: transcribe_all(audio, rate) for name, audio in named.items()}
    others = [*reference[1:], *reference[:1]]
    scores = {
        "reconstruction": [
            {"levels": depth} | agreement(reference, found)
            for depth, found in zip(clips.made, made.values(), strict=True)
        ],
        "mu_law": agreement(reference, original),
        "other_clip": agreement(reference, others) if len(reference) > 1 else None,
    }
    found = {"original": reference} | made
    notes = {
        f"{name}_{number}": one.notes
        for name, transcriptions in found.items()
        for number, one in enumerate(transcriptions)
    }
    return scores, notes


def agreement(reference: Sequence[Transcription], made: Sequence[Transcription]) -> Statistics:
    """Statistics of note F1 and frame F1 of as many clips, in the same order."""
    pairs = list(zip(reference, made, strict=True))
    return {
        "note_f1": statistic(f1_of_notes(one.notes, other.notes) for one, other in pairs),
        "frame_f1": statistic(f1_of_frames(one, other) for one, other in pairs),
    }


def generated_scores(
    made: np.ndarray, real: np.ndarray, sample_rate: int, seed: int = 0
) -> tuple[dict[str, Any], dict[str, Notes]]:
    """Measures of the notes of generated clips, real ones and controls.

    Args:
      made: audio `[clips, samples]` in [-1, 1].
      real: audio `[clips, samples]`, as long, of which the first 12 clips count.
      sample_rate: Hz.
      seed: of the controls.

    Returns:
      Scores and notes. Of the scores, "generated" and "real" have a `Statistic` of each of
      `ada.evaluation.notes.measures`, and so has each of "controls", of what it changes:
      `key_controls`, "murmur" and "noise". Notes are those of the generated clips, `generated_0`
      and so on.

    Raises:
      UserError: if the transcriber is not installed.
    """
    real = real[:MOST_REAL_CLIPS]
    generated, others = (transcribe_all(clips, sample_rate) for clips in (made, real))
    changed = key_controls([one.notes for one in others], others[0].duration_secs, seed)
    controls = {
        name: {measure: statistic(values) for measure, values in found.items()}
        for name, found in changed.items()
    }
    for control in (murmur, noise):
        changed = (control(clip, seed + number) for number, clip in enumerate(real))
        controls[control.__name__] = _statistics(transcribe_all(changed, sample_rate))
    scores = {
        "generated": _statistics(generated),
        "real": _statistics(others),
        "controls": controls,
    }
    return scores, {f"generated_{number}": one.notes for number, one in enumerate(generated)}


def compare_with_real(
    audio: np.ndarray, run: Run, split: str, data_dir: str | None = None, seed: int = 0
) -> tuple[dict[str, Any], dict[str, Notes]]:
    """`generated_scores` of clips and of real ones as long; both are cut if no source is as long.

    Args:
      audio: generated clips `[clips, samples]` in [-1, 1].
      run: the bottom run of the chain that made them.
      split: of the real clips.
      data_dir: the dataset of the real clips; the one that the run was trained on if None.
      seed: of the controls.
    """
    dataset, rate = run.open_dataset(data_dir), run.info.sample_rate
    secs = audio.shape[1] / rate
    count = min(max(real_clips.fitting(dataset, split, secs), 1), MOST_REAL_CLIPS)
    stored = real_clips.spread_clips(dataset, split, count, secs)
    others = real_clips.stored_to_audio(run, stored)
    return generated_scores(audio[:, : others.shape[1]], others, rate, seed)


def statistic(values: Iterable[float | None]) -> Statistic | None:
    """The mean of what is not None and its standard error over clips; None if all are."""
    known = np.array([value for value in values if value is not None], float)
    if not known.size:
        return None
    error = float(known.std(ddof=1) / np.sqrt(known.size)) if known.size > 1 else None
    return {
        "mean": float(known.mean()),
        "error": error,
        "min": float(known.min()),
        "max": float(known.max()),
        "clips": int(known.size),
    }


def _statistics(clips: Sequence[Transcription]) -> Statistics:
    found: list[Mapping[str, float | None]] = [measures(c.notes, c.duration_secs) for c in clips]
    return {name: statistic(values[name] for values in found) for name in found[0]}
