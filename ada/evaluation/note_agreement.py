"""Agreement of the notes of an original and its reconstruction: note F1 and frame F1.

Computed by mir_eval (Raffel et al., "mir_eval: a transparent implementation of common MIR metrics",
ISMIR 2014) from transcriptions. This use of them is ours, not the paper's. Both are 1 at best; as
the transcriber errs, and not alike on two versions of a sound, real reconstructions stay below.
"""

import numpy as np

from ada.evaluation import transcription
from ada.evaluation.note_events import FRAME_THRESHOLD, LOWEST_PITCH
from ada.evaluation.notes import Notes
from ada.evaluation.transcription import Transcription
from ada.utils.errors import UserError

ONSET_TOLERANCE_SECS, PITCH_TOLERANCE_CENTS = 0.05, 50.0


def f1_of_notes(reference: Notes, estimate: Notes) -> float | None:
    """Harmonic mean of precision and recall of notes; offsets do not count.

    Two notes match if their onsets are at most 50 ms and their pitches at most 50 cents apart; each
    matches one other at most.

    Returns:
      A number between 0 and 1; None if neither has any notes.

    Raises:
      UserError: if mir_eval is not installed.
    """
    if not len(reference.onsets) and not len(estimate.onsets):
        return None
    if not len(reference.onsets) or not len(estimate.onsets):
        return 0.0
    _, _, f1, _ = _mir_eval().transcription.precision_recall_f1_overlap(
        *_intervals_and_hz(reference),
        *_intervals_and_hz(estimate),
        onset_tolerance=ONSET_TOLERANCE_SECS,
        pitch_tolerance=PITCH_TOLERANCE_CENTS,
        offset_ratio=None,
    )
    return float(f1)


def f1_of_frames(reference: Transcription, estimate: Transcription) -> float | None:
    """Harmonic mean of precision and recall of the keys that sound in each frame.

    A key sounds where its activation is at least 0.3; how notes were put together does not matter.

    Returns:
      A number between 0 and 1; None if nothing sounds in either.

    Raises:
      UserError: if mir_eval is not installed.
    """
    sounding = [_frequencies(one) for one in (reference, estimate)]
    loudest = [any(len(frame) for frame in frames) for frames in sounding]
    if not all(loudest):
        return 0.0 if any(loudest) else None
    precision, recall, *_ = _mir_eval().multipitch.metrics(
        reference.times, sounding[0], estimate.times, sounding[1]
    )
    total = precision + recall
    return float(2.0 * precision * recall / total) if total else 0.0


def _intervals_and_hz(notes: Notes) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([notes.onsets, notes.offsets], axis=1), _hz(notes.pitches)


def _frequencies(one: Transcription) -> list[np.ndarray]:
    return [_hz(np.flatnonzero(row >= FRAME_THRESHOLD) + LOWEST_PITCH) for row in one.activations]


def _hz(pitches: np.ndarray) -> np.ndarray:
    return 440.0 * 2.0 ** ((pitches - 69) / 12.0)


def _mir_eval() -> object:
    try:
        import mir_eval
    except ModuleNotFoundError:
        raise UserError(transcription.HOW_TO_INSTALL) from None
    import mir_eval.multipitch
    import mir_eval.transcription

    return mir_eval
