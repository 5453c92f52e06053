"""How far a reconstruction is from its original, in spectra: texture counts, phase does not."""

import librosa
import numpy as np

FFT_LENGTHS = (512, 1024, 2048)
NUM_MELS = 80
FLOOR = 1e-5  # of a magnitude: 100 dB below a full one


def stft_distances(original: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """The multi-resolution STFT distance (Yamamoto, Song and Kim 2020, equations 3 to 6).

    Args:
      original: audio `[clips, samples]` in [-1, 1].
      made: as many, as long.

    Returns:
      "spectral_convergence": |S - S'| / |S| (Frobenius norms, over all clips: a silent one has no
      norm of its own); "log_magnitude": the mean of |ln S - ln S'|; both are means over the three
      resolutions, with hops of a quarter of the window.

    Raises:
      ValueError: if the lengths differ.
    """
    _require_same_shape(original, made)
    convergence, log_magnitude = [], []
    for length in FFT_LENGTHS:
        a, b = (_magnitude(audio, length) for audio in (original, made))
        convergence.append(np.linalg.norm(a - b) / max(np.linalg.norm(a), FLOOR))
        log_magnitude.append(np.mean(np.abs(_log(a) - _log(b))))
    return {
        "spectral_convergence": float(np.mean(convergence)),
        "log_magnitude": float(np.mean(log_magnitude)),
    }


def log_mel_distance(original: np.ndarray, made: np.ndarray, sample_rate: int) -> float:
    """Mean absolute difference of log-mel spectra, decibels: 80 bands, windows of the power of two
    samples that is nearest to 64 ms.

    Args:
      original: audio `[clips, samples]` in [-1, 1].
      made: as many, as long.
      sample_rate: Hz.

    Raises:
      ValueError: if the lengths differ.
    """
    _require_same_shape(original, made)
    length = 2 ** round(np.log2(0.064 * sample_rate))
    bands = librosa.filters.mel(sr=sample_rate, n_fft=length, n_mels=NUM_MELS, norm=None)
    a, b = (np.sqrt(bands @ _magnitude(audio, length) ** 2) for audio in (original, made))
    return float(np.mean(np.abs(_log(a) - _log(b))) * 20.0 / np.log(10.0))


def _magnitude(audio: np.ndarray, length: int) -> np.ndarray:
    """Magnitudes `[clips, bins, frames]`; a sine of full amplitude reaches 1."""
    audio = np.asarray(audio, np.float32)
    audio = np.pad(audio, ((0, 0), (0, max(length - audio.shape[1], 0))))
    spectrum = librosa.stft(audio, n_fft=length, hop_length=length // 4)
    return np.abs(spectrum) * (4.0 / length)


def _log(magnitude: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(magnitude, FLOOR))


def _require_same_shape(original: np.ndarray, made: np.ndarray) -> None:
    if np.shape(original) != np.shape(made):
        raise ValueError(f"clips {np.shape(original)} and {np.shape(made)}; cut them alike.")
