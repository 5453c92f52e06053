"""Spectrogram pictures."""

import io

import numpy as np

FLOOR_DB = -80.0
SHADES = 32  # of a picture: steps of 2.6 dB


def spectrogram_db(audio: np.ndarray, window_length: int = 1024, hop: int = 256) -> np.ndarray:
    """Short-time magnitudes in dB below the loudest, floored at -80; of silence -80 throughout.

    Args:
      audio: float `[samples]`.
      window_length: of the Hann window, in samples.
      hop: between windows, in samples.

    Returns:
      float32 `[frequencies, frames]`, lowest frequency first.
    """
    padded = np.pad(np.asarray(audio, np.float32), window_length // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window_length)[::hop]
    magnitudes = np.abs(np.fft.rfft(frames * np.hanning(window_length), axis=1)).T
    level = 20.0 * np.log10(np.maximum(magnitudes, 1e-10))
    # What is quieter than a full sine by 80 dB is silence, not the loudest.
    full = 20.0 * np.log10(np.hanning(window_length).sum() / 2.0)
    loudest = max(level.max(), full + FLOOR_DB)
    return np.maximum(level - loudest, FLOOR_DB).astype(np.float32)


def spectrogram_picture(audio: np.ndarray) -> np.ndarray:
    """A spectrogram as shades from 0 to 31, uint8 `[256, frames]`, highest frequency on top."""
    level = spectrogram_db(audio, window_length=512)[1:][::-1]
    return np.round((level / -FLOOR_DB + 1.0) * (SHADES - 1)).astype(np.uint8)


def spectrogram_png(audio: np.ndarray) -> bytes:
    """`spectrogram_picture` as the bytes of a PNG file: 5 kB per second at 16 kHz."""
    import matplotlib
    from PIL import Image

    colours = matplotlib.colormaps["magma"](np.linspace(0.0, 1.0, SHADES))[:, :3]
    picture = Image.fromarray(spectrogram_picture(audio))
    picture.putpalette((255 * colours).astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, format="png", optimize=True)
    return buffer.getvalue()
