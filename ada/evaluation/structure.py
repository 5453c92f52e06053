"""Long-range consistency: how much music resembles itself after some time (our measure).

The paper claims, of listening, that codes carry structure over tens of seconds. Here it is a
number: the likeness of harmony (chroma) and of rhythm (tempogram) of moments a lag apart, less the
likeness of moments of different pieces, which is what chance, or the style alone, gives. A model
whose memory ends at its receptive field falls to about zero beyond it, real music does not.
Silence resembles nothing and is left out.
"""

import contextlib
import warnings
from collections.abc import Iterator, Sequence

import librosa
import numpy as np

FRAME_SECS = 0.5
# Lags are averaged over bands, which double: (from, to) in seconds.
LAG_BANDS = ((0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 16.0), (16.0, 32.0))
SILENCE_DB = -70.0  # of full scale, root mean square; mu-law's smallest step is at -71
_ONSETS_PER_SEC = 62.5
_TEMPOGRAM_SECS = 3.0
Bands = dict[str, dict[str, float | None] | None]


def chroma(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Energy of the twelve pitch classes, `[frames, 12]`, a frame every half second; rows have
    length 1, or 0 in silence.
    """
    hop = round(FRAME_SECS * sample_rate / 8)
    # Tuning is not estimated: pieces of one instrument share theirs.
    with _padding_quietly():
        found = librosa.feature.chroma_stft(
            y=audio, sr=sample_rate, n_fft=4096, hop_length=hop, tuning=0.0, norm=None
        )
    return _sounding(_unit_rows(_frames(found.T, 8)), audio, sample_rate)


def onset(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Autocorrelation of the onset strength over 3 s around every half second (a tempogram),
    `[frames, lags]`; rows have length 1, or 0 in silence and where nothing sets in.
    """
    hop = round(sample_rate / _ONSETS_PER_SEC)
    with _padding_quietly():
        strength = librosa.onset.onset_strength(y=audio, sr=sample_rate, hop_length=hop)
    window = round(_TEMPOGRAM_SECS * sample_rate / hop)
    found = librosa.feature.tempogram(onset_envelope=strength, sr=sample_rate, win_length=window)
    # Very short lags tell the width of an onset, which is the same everywhere.
    shortest = round(0.1 * sample_rate / hop)
    rows = _frames(found[shortest:].T, round(FRAME_SECS * sample_rate / hop))
    return _sounding(_unit_rows(rows), audio, sample_rate)


@contextlib.contextmanager
def _padding_quietly() -> Iterator[None]:
    """Lets librosa pad clips shorter than its window without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "n_fft=", UserWarning)
        yield


def self_similarity(
    features: Sequence[np.ndarray],
    pieces: Sequence[int] | None = None,
    shortest_lag_secs: float = FRAME_SECS,
) -> Bands:
    """Cosine likeness of frames a lag apart, above that of frames of different pieces.

    Args:
      features: of each clip, a frame every `FRAME_SECS`: unit rows `[frames, dim]`, or zeros, which
        count nowhere.
      pieces: which piece of music each clip is of; each of its own if None.
      shortest_lag_secs: bands that begin below it have no value.

    Returns:
      For each of `LAG_BANDS`, named such as "4-8", "mean": that over the lags of the band of the
      mean over all pairs of frames so far apart within a clip, less the mean over all pairs of
      frames of two pieces; and "error": its standard error over pieces (jackknife; None of fewer
      than three). None where the clips do not reach over all lags of the band.

    Raises:
      ValueError: of fewer than two pieces.
    """
    names, of_piece = np.unique(
        pieces if pieces is not None else range(len(features)), return_inverse=True
    )
    if len(names) < 2:
        raise ValueError("self_similarity: chance is measured between pieces; give two or more.")
    # By piece: sums of all frames and how many, and of the products at every lag and how many.
    lags = np.arange(round(LAG_BANDS[-1][1] / FRAME_SECS))
    sums, counts = np.zeros((len(names), features[0].shape[1])), np.zeros(len(names))
    products, pairs = np.zeros((2, len(names), len(lags)))
    for piece, clip in zip(of_piece, features, strict=True):
        sounds = clip.any(1)
        sums[piece] += clip.sum(0)
        counts[piece] += sounds.sum()
        for lag in lags[1 : len(clip)]:
            products[piece, lag] += np.sum(clip[:-lag] * clip[lag:])
            pairs[piece, lag] += np.sum(sounds[:-lag] & sounds[lag:])

    def estimate(kept: np.ndarray) -> np.ndarray:
        """The value of every lag from some of the pieces; NaN where there are no pairs."""
        with np.errstate(invalid="ignore", divide="ignore"):
            total = np.square(sums[kept].sum(0)).sum() - np.square(sums[kept]).sum()
            chance = total / (counts[kept].sum() ** 2 - np.square(counts[kept]).sum())
            return products[kept].sum(0) / pairs[kept].sum(0) - chance

    every = np.arange(len(names))
    whole = estimate(every)
    without = np.stack([estimate(np.delete(every, piece)) for piece in every])
    result: Bands = {}
    for first, last in LAG_BANDS:
        band = slice(round(first / FRAME_SECS), round(last / FRAME_SECS))
        mean, others = whole[band].mean(), without[:, band].mean(1)
        error = np.sqrt(np.square(others - others.mean()).sum() * (1.0 - 1.0 / len(names)))
        there = first >= shortest_lag_secs and np.isfinite(mean)
        result[f"{first:g}-{last:g}"] = (
            {"mean": float(mean), "error": float(error) if np.isfinite(error) else None}
            if there
            else None
        )
    return result


def consistency(
    clips: Sequence[np.ndarray], sample_rate: int, pieces: Sequence[int] | None = None
) -> dict[str, Bands]:
    """`self_similarity` of clips `[samples]` in "chroma" and "onset"."""
    clips = [np.asarray(clip, np.float32) for clip in clips]
    harmony, rhythm = ([f(clip, sample_rate) for clip in clips] for f in (chroma, onset))
    return {
        "chroma": self_similarity(harmony, pieces),
        # Frames whose windows overlap are alike whatever the music does.
        "onset": self_similarity(rhythm, pieces, _TEMPOGRAM_SECS + FRAME_SECS),
    }


def _frames(fine: np.ndarray, per_frame: int) -> np.ndarray:
    """Means over stretches of `per_frame` rows; what is left at the end is left out."""
    whole = len(fine) // per_frame * per_frame
    return fine[:whole].reshape(-1, per_frame, fine.shape[1]).mean(1)


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-6)


def _sounding(rows: np.ndarray, audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """The rows of whole frames of audio, zero where it is silent."""
    size = round(FRAME_SECS * sample_rate)
    power = _frames(np.square(np.float64(audio))[:, np.newaxis], size)
    count = min(len(rows), len(power))
    return rows[:count] * (power[:count] > 10.0 ** (SILENCE_DB / 10.0))
