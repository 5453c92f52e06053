"""Structure of clips: whether they have pitch, and how much is repeated in order (our measure).

The paper claims, of listening, that codes carry structure over tens of seconds. Here it is a number
for each clip:

    structure = pitched x changing x (1 + repetition)

*Pitched* is the share of moments whose spectrum has peaks: 0 for noise, 1 for tones. *Changing* is
whether the spectrum is another one from one quarter of a second to the next: about 0.1 for a chord
that is held, 1 for notes that follow each other, however slowly they do in music. *Repetition* is
how well stretches of 2, 4 and 8 s of the clip are found again elsewhere in it, above the same
clip cut into pieces of 1 s and put together in another order in which neighbours still fit. So 0 is
noise; a drone comes little above 0; 1 is notes without order; a first-order Markov chain, which
fits where neighbours fit, comes little above 1, and music that repeats itself far above it. Higher
is more structure. Music that repeats little within a clip, such as 40 s of a chorale, comes no
higher than a Markov chain does: read it beside the value of real audio of the same kind.

Ten clips of 20 s tell music that repeats itself from all of these; ten of 40 s also tell its
shuffled bars, a Markov chain and a drone from each other. Silence is left out. Loudness does not
matter: a clip that fades has the structure of one that does not.
"""

from collections.abc import Sequence

import numpy as np

FRAME_SECS = 0.25
# Stretches that are looked for, and pieces that the clip is cut into to compare with.
STRETCH_SECS, PIECE_SECS = (2.0, 4.0, 8.0), 1.0
SHORTEST_SECS = 2.0 * STRETCH_SECS[-1]
# Number of other orders, and of best-fitting pieces among which the next one is chosen.
ORDERS, FITTING = 10, 3
# Mean change between neighbouring frames, 1 less their likeness, from which on a clip is changing:
# drones, with vibrato and tremolo too, have 0.002 to 0.013, the slowest bundled piece has 0.09.
LEAST_CHANGE = 0.04
# Between chance and 1 there is little of what is the same all the time, such as a drone. It counts
# for no more than this.
SAME = 0.2
SILENCE_DB = -70.0  # of full scale, root mean square; mu-law's smallest step is at -71
# Flatness of a spectrum: 0.77 for noise (a mean of two), almost 0 for a tone.
FLATTEST_PITCH = 0.5
_LOWEST_PITCH, _HIGHEST_PITCH = 33, 94
_FFT_SECS = 0.256
Statistic = dict[str, float | None]


def frames(audio: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Loudness-free spectra of the moments of a clip that are not silent.

    Args:
      audio: `[samples]` in [-1, 1].
      sample_rate: Hz.

    Returns:
      Log spectra in semitones, unit rows `[frames, 61]`, a frame every quarter second; and the
      flatness of each frame's spectrum, `[frames]`.
    """
    import librosa

    hop, size = round(FRAME_SECS * sample_rate / 2), round(_FFT_SECS * sample_rate)
    audio = np.asarray(audio, np.float32)
    count = len(audio) // (2 * hop)
    if not count:
        return np.zeros([0, _HIGHEST_PITCH - _LOWEST_PITCH]), np.zeros(0)
    # Two spectra per frame, in its middle half, and none that a window reaches beyond its ends.
    power = np.abs(librosa.stft(audio, n_fft=size, hop_length=hop)).T[: 2 * count] ** 2
    power = power.reshape(count, 2, -1).mean(1)
    level = np.square(audio[: 2 * count * hop].reshape(count, -1)).mean(1)
    power = power[level > 10.0 ** (SILENCE_DB / 10.0)]
    hertz = np.arange(power.shape[1]) * sample_rate / size
    pitch = 69.0 + 12.0 * np.log2(np.maximum(hertz, 1.0) / 440.0)
    centres = np.arange(_LOWEST_PITCH, _HIGHEST_PITCH)[:, np.newaxis]
    bands = power @ np.maximum(1.0 - np.abs(pitch - centres), 0.0).T
    logs = np.log1p(10.0 * bands / np.maximum(bands.mean(1, keepdims=True), 1e-20))
    rows = logs / np.maximum(np.linalg.norm(logs, axis=1, keepdims=True), 1e-9)
    return rows, _flatness(power[:, (hertz > 60.0) & (hertz < 4000.0)])


def _flatness(power: np.ndarray) -> np.ndarray:
    """Geometric by arithmetic mean of power spectra `[frames, bins]`, relative to its surroundings.

    So a tilt of the spectrum, as that of pink noise, does not count.
    """
    width = 33
    padded = np.pad(power, [(0, 0), (width // 2 + 1, width // 2)], "reflect")
    sums = np.cumsum(padded, axis=1)
    white = power * width / np.maximum(sums[:, width:] - sums[:, :-width], 1e-30)
    return np.exp(np.log(np.maximum(white, 1e-10)).mean(1)) / np.maximum(white.mean(1), 1e-10)


def changing(rows: np.ndarray) -> float:
    """Whether unit rows `[frames, dim]` change from each to the next: 0 never, 1 as in music."""
    change = 1.0 - np.sum(rows[1:] * rows[:-1], axis=1).mean()
    return float(np.clip(change / LEAST_CHANGE, 0.0, 1.0))


def repetition(rows: np.ndarray) -> float | None:
    """How well stretches of a clip are found again in it, above other orders of its pieces.

    Args:
      rows: unit rows `[frames, dim]`, a frame every quarter second.

    Returns:
      0 where order does not matter, 1 where all is repeated and in another order nothing would be;
      None of less than `SHORTEST_SECS`.
    """
    if len(rows) < SHORTEST_SECS / FRAME_SECS:
        return None
    rng = np.random.default_rng(0)
    likeness = rows @ rows.T
    size = round(PIECE_SECS / FRAME_SECS)
    orders = [_fitting_order(likeness, size, rng) for _ in range(ORDERS)]
    shuffles = [rng.permutation(len(rows)) for _ in range(ORDERS)]
    found = []
    for secs in STRETCH_SECS:
        length = round(secs / FRAME_SECS)
        own = _found_again(likeness, length)
        fitting, chance = (
            np.mean([_found_again(likeness[np.ix_(order, order)], length) for order in some])
            for some in (orders, shuffles)
        )
        found.append((own - fitting) / (1.0 - chance + SAME))
    return float(np.mean(found))


def _found_again(likeness: np.ndarray, length: int) -> float:
    """Mean likeness of every stretch of `length` frames to the likest that does not overlap it."""
    count = len(likeness) - length + 1
    pairs = sum(likeness[k : k + count, k : k + count] for k in range(length)) / length
    place = np.arange(count)
    pairs[np.abs(place[:, np.newaxis] - place) < length] = -np.inf
    best = pairs.max(1)
    return float(best[np.isfinite(best)].mean())


def _fitting_order(likeness: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Frames in another order: pieces of `size` frames, each followed by one that fits.

    A piece fits if its first frame is like the one that followed in the clip.
    """
    first = int(rng.integers(1, size + 1))
    starts = [0, *range(first, len(likeness), size)]
    ends = [*starts[1:], len(likeness)]
    left = list(range(len(starts)))
    order = [left.pop(int(rng.integers(len(left))))]
    while left:
        following, true = ends[order[-1]], order[-1] + 1
        if following < len(likeness):
            fit = [likeness[following, starts[k]] - 2.0 * (k == true) for k in left]
        else:
            fit = rng.random(len(left))
        best = np.argsort(fit)[-FITTING:]
        order.append(left.pop(int(rng.choice(best))))
    return np.concatenate([np.arange(starts[k], ends[k]) for k in order])


def structure(clips: Sequence[np.ndarray], sample_rate: int) -> dict[str, Statistic | None]:
    """Structure of clips, and what it is made of.

    Args:
      clips: float `[samples]` in [-1, 1] each.
      sample_rate: Hz.

    Returns:
      "structure", "pitched", "changing" and "repetition", each with "mean" over the clips and
      "error", its standard error (None of one clip). Clips with less than `SHORTEST_SECS` that are
      not silent do not count; None if there are no others.
    """
    values = []
    for clip in clips:
        rows, flatness = frames(clip, sample_rate)
        repeated = repetition(rows)
        if repeated is not None:
            pitched, change = float(np.mean(flatness < FLATTEST_PITCH)), changing(rows)
            values.append((pitched * change * (1.0 + repeated), pitched, change, repeated))
    names = ("structure", "pitched", "changing", "repetition")
    if not values:
        return dict.fromkeys(names)
    return {
        name: _statistic(column) for name, column in zip(names, np.transpose(values), strict=True)
    }


def _statistic(values: Sequence[float]) -> Statistic:
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "error": None if error is None else float(error)}
