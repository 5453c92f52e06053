"""Whether clips are near-copies of the training data, by fingerprints of audio.

Copies that were played a little slower, transposed by up to a semitone or buried in noise have
other samples and other codes, but the same peaks of the spectrum in the same order. A fingerprint
holds these peaks, in quarters of a semitone. Stretches of 8 s are looked for in all of the training
data, at transpositions of up to a semitone; the places that are most alike are then compared by
dynamic time warping, which lets the tempo change (Müller 2015, chapter 7). This measure is ours.
"""

import functools
import warnings
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

FRAME_SECS, STRETCH_SECS = 0.25, 8.0
STRETCH_FRAMES = round(STRETCH_SECS / FRAME_SECS)
BINS_PER_SEMITONE, MOST_SEMITONES = 4, 1
# Cost of a frame that is skipped or repeated, and of a transposition by one bin.
WARP_COST, SHIFT_COST = 0.2, 0.02
# Number of places that each segment is compared with frame by frame.
PLACES = 12
_LOWEST_PITCH, _HIGHEST_PITCH = 36, 96
_BINS = (_HIGHEST_PITCH - _LOWEST_PITCH) * BINS_PER_SEMITONE
_SHIFTS = 2 * MOST_SEMITONES * BINS_PER_SEMITONE + 1
_FFT_SECS = 0.512
# The search goes through means of 4 frames, one every 2.
_COARSE, _COARSE_HOP = 4, 2


class _Place(NamedTuple):
    """A candidate for a near-copy: its score, and the fingerprints there."""

    score: float
    prints: np.ndarray


def fingerprint(audio: np.ndarray, sample_rate: int, frame_secs: float = FRAME_SECS) -> np.ndarray:
    """Peaks of the spectrum, float32 unit rows `[frames, 240]`, or zeros in silence.

    Args:
      audio: `[samples]` in [-1, 1].
      sample_rate: Hz.
      frame_secs: from one frame to the next.
    """
    import librosa

    size, hop = round(_FFT_SECS * sample_rate), round(frame_secs * sample_rate)
    audio = np.asarray(audio, np.float32)
    if len(audio) < size:
        return np.zeros([0, _BINS], np.float32)
    filters = _filters(sample_rate, size)
    spectrum = librosa.stft(audio, n_fft=size, hop_length=hop, center=False)
    bands = np.log1p(np.abs(spectrum[: filters.shape[1]]).T @ filters.T)
    # Above their surroundings, three quarters of an octave: noise raises both.
    half = 9 * BINS_PER_SEMITONE // 2
    sums = np.cumsum(np.pad(bands, [(0, 0), (half + 1, half)], "edge"), axis=1)
    width = 2 * half + 1
    peaks = np.maximum(bands - (sums[:, width:] - sums[:, :-width]) / width, 0.0)
    length = np.linalg.norm(peaks, axis=1, keepdims=True)
    return np.where(length > 1e-2, peaks / np.maximum(length, 1e-2), 0.0).astype(np.float32)


@functools.cache
def _filters(sample_rate: int, size: int) -> np.ndarray:
    """Triangles from bins of a spectrum to quarters of semitones, float32 `[240, bins]`."""
    hertz = np.arange(size // 2 + 1) * sample_rate / size
    pitch = 69.0 + 12.0 * np.log2(np.maximum(hertz, 1.0) / 440.0)
    centres = _LOWEST_PITCH + np.arange(_BINS)[:, np.newaxis] / BINS_PER_SEMITONE
    # As wide as the spectrum resolves, for low pitches.
    resolution = 1.5 * sample_rate / size / (440.0 * 2.0 ** ((centres - 69.0) / 12.0))
    reach = np.maximum(1.5 / BINS_PER_SEMITONE, 12.0 * np.log2(1.0 + resolution))
    filters = np.maximum(1.0 - np.abs(pitch - centres) / reach, 0.0)
    return filters[:, : np.flatnonzero(filters.any(0))[-1] + 1].astype(np.float32)


def nearest(
    clips: Sequence[np.ndarray], corpus: Iterable[np.ndarray], sample_rate: int
) -> np.ndarray:
    """How like the nearest place of a corpus the nearest 8 s of each clip are.

    Args:
      clips: `[samples]` in [-1, 1] each.
      corpus: `[samples]` each, gone through once.
      sample_rate: Hz.

    Returns:
      float64 `[clips]`: 1 for a copy, 0.5 to 0.7 for other music of the same instrument, less for
      anything else; 0 for clips of less than 8 s, or of silence.
    """
    stretches = [_stretches(fingerprint(clip, sample_rate)) for clip in clips]
    owner = np.repeat(np.arange(len(clips)), [len(found) for found in stretches])
    queries = [_transposed(query) for found in stretches for query in found]
    best = np.zeros(len(clips))
    if queries:
        found_places = _search(queries, corpus, sample_rate)
        for clip, query, places in zip(owner, queries, found_places, strict=True):
            shifts = _with_halves(query)
            found = max((_compare(shifts, place.prints) for place in places), default=0.0)
            best[clip] = max(best[clip], found)
    return best


def _stretches(prints: np.ndarray) -> list[np.ndarray]:
    """Stretches of 8 s that overlap by half, without those that are half silent."""
    starts = range(0, len(prints) - STRETCH_FRAMES + 1, STRETCH_FRAMES // 2)
    found = [prints[start : start + STRETCH_FRAMES] for start in starts]
    return [stretch for stretch in found if np.mean(stretch.any(1)) > 0.5]


def _transposed(query: np.ndarray) -> np.ndarray:
    """A stretch at all transpositions, `[shifts, frames, bins]`."""
    padded = np.pad(query, [(0, 0), (_SHIFTS // 2, _SHIFTS // 2)])
    return np.stack([padded[:, k : k + _BINS] for k in range(_SHIFTS)])


def _search(
    queries: list[np.ndarray], corpus: Iterable[np.ndarray], sample_rate: int
) -> list[list[_Place]]:
    """The places of a corpus that each query is most like, by means over a second."""
    steps = STRETCH_FRAMES // _COARSE
    coarse = np.stack([q.reshape(_SHIFTS, steps, _COARSE, _BINS).mean(2) for q in queries])
    coarse = np.float32(coarse.reshape(-1, _BINS))
    places: list[list[_Place]] = [[] for _ in queries]
    for audio in corpus:
        # Twice as fine as a query's, for its frames may begin between two.
        prints = fingerprint(audio, sample_rate, FRAME_SECS / 2.0)
        sums = np.cumsum(np.pad(prints, [(1, 0), (0, 0)]), axis=0)
        means = (sums[2 * _COARSE :] - sums[: -2 * _COARSE])[:: 2 * _COARSE_HOP]
        count = len(means) - (steps - 1) * _COARSE // _COARSE_HOP
        if count < 1:
            continue
        like = (coarse @ means.T).reshape(len(queries), _SHIFTS, steps, -1)
        hop = _COARSE // _COARSE_HOP
        scores = sum(like[:, :, k, k * hop : k * hop + count] for k in range(steps)).max(1)
        for kept, row in zip(places, scores, strict=True):
            for place in np.argsort(row)[-2:]:
                start = max(2 * _COARSE_HOP * int(place) - STRETCH_FRAMES // 2, 0)
                stop = start + 3 * STRETCH_FRAMES
                kept.append(_Place(float(row[place]), prints[start:stop].astype(np.float16)))
            kept.sort(key=lambda place: -place.score)
            del kept[PLACES:]
    return places


def _with_halves(query: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """All transpositions of a query, and those between them, each with its shift in bins."""
    between = query[1:] + query[:-1]
    between /= np.maximum(np.linalg.norm(between, axis=2, keepdims=True), 1e-9)
    return [*enumerate(query), *((k + 0.5, frames) for k, frames in enumerate(between))]


def _compare(shifts: list[tuple[float, np.ndarray]], prints: np.ndarray) -> float:
    """Likeness of a query at its best transposition to a place, whose frames are twice as many."""
    found = 0.0
    for part in (prints[::2].astype(np.float32), prints[1::2].astype(np.float32)):
        for shift, frames in shifts:
            cost = 1.0 - frames @ part.T
            away = SHIFT_COST * abs(shift - _SHIFTS // 2)
            found = max(found, 1.0 - _warped(cost) - away)
    return found


def _warped(cost: np.ndarray) -> float:
    """Mean cost per query frame of the best path through `[query, place]` frames."""
    import librosa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        total = librosa.sequence.dtw(
            C=cost,
            subseq=True,
            backtrack=False,
            step_sizes_sigma=np.array([[1, 1], [1, 2], [2, 1]]),
            weights_mul=np.array([1.0, 1.0, 2.0]),
            weights_add=np.array([0.0, WARP_COST, WARP_COST]),
        )
    return float(total[-1].min()) / len(cost)
