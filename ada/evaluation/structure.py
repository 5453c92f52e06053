"""Long-range consistency: how much music resembles itself after some time (our measure).

The paper claims, of listening, that codes carry structure over tens of seconds. Here it is a
number: the likeness of harmony (chroma) and of rhythm (tempogram) of moments a lag apart, less the
likeness of moments of different clips, which is what chance, or the style alone, gives. A model
whose memory ends at its receptive field falls to about zero beyond it, real music does not.
"""

from collections.abc import Sequence

import librosa
import numpy as np

FRAME_SECS = 0.5
# Lags are averaged over bands, which double: (from, to) in seconds.
LAG_BANDS = ((0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 16.0), (16.0, 32.0))
FEATURES = ("chroma", "onset")
_ONSETS_PER_SEC = 62.5
_TEMPOGRAM_SECS = 3.0


def chroma(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Energy of the twelve pitch classes, `[frames, 12]`, a frame every half second; rows have
    length 1, or 0 in silence.
    """
    hop = round(FRAME_SECS * sample_rate / 8)
    # Tuning is not estimated: pieces of one instrument share theirs.
    found = librosa.feature.chroma_stft(
        y=audio, sr=sample_rate, n_fft=4096, hop_length=hop, tuning=0.0
    )
    return _unit_rows(_frames(found.T, 8))


def onset(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Autocorrelation of the onset strength over 3 s around every half second (a tempogram),
    `[frames, lags]`; rows have length 1, or 0 where nothing sets in.
    """
    hop = round(sample_rate / _ONSETS_PER_SEC)
    strength = librosa.onset.onset_strength(y=audio, sr=sample_rate, hop_length=hop)
    window = round(_TEMPOGRAM_SECS * sample_rate / hop)
    found = librosa.feature.tempogram(onset_envelope=strength, sr=sample_rate, win_length=window)
    # Very short lags tell the width of an onset, which is the same everywhere.
    shortest = round(0.1 * sample_rate / hop)
    return _unit_rows(_frames(found[shortest:].T, round(FRAME_SECS * sample_rate / hop)))


def self_similarity(
    features: Sequence[np.ndarray], frame_secs: float = FRAME_SECS
) -> dict[str, float | None]:
    """Cosine likeness of frames a lag apart, above that of frames of different clips.

    Args:
      features: of each clip, unit rows `[frames, dim]`.
      frame_secs: seconds from frame to frame.

    Returns:
      For each of `LAG_BANDS`, named such as "4-8", the mean over all pairs of frames of a clip
      whose lag lies in it, less the mean over all pairs of frames of two clips; None where no clip
      is long enough.

    Raises:
      ValueError: of fewer than two clips.
    """
    if len(features) < 2:
        raise ValueError("self_similarity: chance is measured between clips; give two or more.")
    chance = _between(features)
    result: dict[str, float | None] = {}
    for first, last in LAG_BANDS:
        lags = range(round(first / frame_secs), round(last / frame_secs))
        pairs = [
            np.sum(clip[:-lag] * clip[lag:], axis=1) for lag in lags for clip in features if lag
        ]
        found = np.concatenate([np.zeros(0), *pairs])
        result[f"{first:g}-{last:g}"] = float(found.mean() - chance) if found.size else None
    return result


def consistency(clips: Sequence[np.ndarray], sample_rate: int) -> dict[str, dict]:
    """`self_similarity` of clips `[samples]` in "chroma" and "onset"."""
    clips = [np.asarray(clip, np.float32) for clip in clips]
    return {
        "chroma": self_similarity([chroma(clip, sample_rate) for clip in clips]),
        "onset": self_similarity([onset(clip, sample_rate) for clip in clips]),
    }


def _between(features: Sequence[np.ndarray]) -> float:
    """Mean product of frames of different clips: from sums, without going through the pairs."""
    sums = np.stack([clip.sum(0) for clip in features])
    counts = np.array([len(clip) for clip in features], float)
    total = np.square(sums.sum(0)).sum() - np.square(sums).sum()
    return float(total / (counts.sum() ** 2 - np.square(counts).sum()))


def _frames(fine: np.ndarray, per_frame: int) -> np.ndarray:
    """Means over stretches of `per_frame` rows; what is left at the end is left out."""
    whole = len(fine) // per_frame * per_frame
    return fine[:whole].reshape(-1, per_frame, fine.shape[1]).mean(1)


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-6)
