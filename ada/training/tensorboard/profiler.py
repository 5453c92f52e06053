"""A profile of a few training steps, for TensorBoard's "Profile" tab."""

import contextlib
import time
from collections.abc import Iterator

import tensorflow as tf

from ada.utils import log

WARMUP_STEPS = 10
PROFILED_STEPS = 5


class Profiler:
    """Profiles five steps, after ten for compilation and warm-up, or fewer if fewer are left.

    It does not change the results.

    Args:
      directory: of the run; None for no profile.
      first: the step that the training starts or resumes from.
      stop: its last step.
    """

    def __init__(self, directory: str | None, first: int, stop: int) -> None:
        self._directory = directory
        self._first = max(first, min(first + WARMUP_STEPS, stop - PROFILED_STEPS))
        self._last = min(self._first + PROFILED_STEPS, stop)
        self._running, self._done = False, self._first

    @contextlib.contextmanager
    def step(self, step: int) -> Iterator[None]:
        """Context of the training step after `step` steps."""
        if self._directory is None or not self._first <= step < self._last:
            yield
            return
        if not self._running:
            tf.profiler.experimental.start(f"{self._directory}/train")
            self._running = True
        with tf.profiler.experimental.Trace("train", step_num=step, _r=1):
            yield
        self._done = step + 1
        if step + 1 == self._last:
            self.close()

    def close(self) -> None:
        """Writes the profile, if one is being made."""
        if not self._running:
            return
        self._running = False
        # TensorFlow names profiles by the second, and would overwrite one of the same second.
        profiles = f"{self._directory}/train/plugins/profile"
        while tf.io.gfile.exists(f"{profiles}/{time.strftime('%Y_%m_%d_%H_%M_%S')}"):
            time.sleep(0.1)
        tf.profiler.experimental.stop()
        log.info(
            f"Profile of steps {self._first + 1} to {self._done} written. See it: pip install -e "
            f"'.[profile]'; tensorboard --logdir={self._directory}, tab Profile."
        )
