"""Many channels become one."""

import numpy as np

from ada.audio.errors import AudioError

# Beyond any scale of integers: garbage, and the resampler would overflow.
_LARGEST_AMPLITUDE = 2.0**40
# 24 dB above full scale: no music is mixed so loud, these are integers stored as floats.
_LOUDEST = 16.0
# Channels whose sum has less than this share of the power that unrelated channels would have.
_CANCELLING = 0.1


class Mixer:
    """Averages the channels of a file, or takes one of them.

    Args:
      path: of the file, for messages.
      channels: their number.
      channel: the one to take; the average of all if None.
    """

    def __init__(self, path: str, channels: int, channel: int | None = None) -> None:
        self._path = path
        self._channel = channel
        self._products = np.zeros((channels, channels))  # of channels, summed over time
        self._sums = np.zeros(channels)
        self._num_frames = 0

    @property
    def better_channel(self) -> int | None:
        """The loudest channel if the channels cancel each other when they are averaged."""
        # Without the mean: a constant is not heard.
        covariance = self._products - np.outer(self._sums, self._sums) / max(1, self._num_frames)
        power = covariance.diagonal()
        cancels = covariance.sum() < _CANCELLING * power.sum()
        loudest = int(np.argmax(power > 0.99 * power.max()))  # the first of those alike
        return loudest if cancels and self._channel is None else None

    def mix(self, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mixes the next float32 `[frames, channels]` down.

        Returns:
          Float32 `[frames]`, and which of them are finite numbers that can be amplitudes.

        Raises:
          AudioError: if they are at the scale of integers.
        """
        mono = self._mixed(block)
        magnitude = np.abs(mono)
        finite = magnitude < _LARGEST_AMPLITUDE  # False for NaN
        if not finite.all():
            block, magnitude = block[finite], magnitude[finite]
        peak = magnitude.max(initial=0.0)
        if peak > _LOUDEST:
            detail = (
                f"a sample of {peak:.6g} where full scale is 1: integers stored as floats? Divide "
                "them by the largest integer"
            )
            raise AudioError("out_of_scale", self._path, detail)
        self._products += block.T @ block
        self._sums += block.sum(0, dtype=np.float64)
        self._num_frames += len(block)
        return mono, finite

    def _mixed(self, block: np.ndarray) -> np.ndarray:
        if self._channel is not None:
            return np.ascontiguousarray(block[:, self._channel])
        mono = block[:, 0].copy()
        with np.errstate(over="ignore", invalid="ignore"):
            for channel in range(1, block.shape[1]):  # ten times as fast as `block.mean(axis=1)`
                mono += block[:, channel]
            mono /= np.float32(block.shape[1])
        return mono
