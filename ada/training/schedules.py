"""Learning-rate schedules."""

import keras

SCHEDULES = ("constant", "cosine", "exponential")


class WarmUpSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up, then one of `SCHEDULES` down to `final_fraction * peak` at `num_steps`.

    Args:
      peak: the learning rate after the warm-up.
      num_steps: training steps in all.
      schedule: "constant", "cosine" or "exponential".
      warmup_steps: steps from zero to the peak, fewer than `num_steps`.
      final_fraction: the last learning rate as a fraction of the peak; not for "constant".
    """

    def __init__(
        self, peak: float, num_steps: int, schedule: str, warmup_steps: int, final_fraction: float
    ) -> None:
        self._config = {
            "peak": peak,
            "num_steps": num_steps,
            "schedule": schedule,
            "warmup_steps": warmup_steps,
            "final_fraction": final_fraction,
        }
        decay_steps = num_steps - warmup_steps
        decays = keras.optimizers.schedules
        self._peak = peak
        self._warmup_steps = warmup_steps
        if schedule == "cosine":
            self._decay = decays.CosineDecay(peak, decay_steps, alpha=final_fraction)
        elif schedule == "exponential":
            self._decay = decays.ExponentialDecay(peak, decay_steps, final_fraction)
        else:
            self._decay = lambda step: keras.ops.convert_to_tensor(peak)

    def __call__(self, step):  # noqa: ANN001, ANN204 - Keras's own signature
        step = keras.ops.cast(step, "float32")
        warm = self._peak * (step + 1.0) / max(self._warmup_steps, 1)
        later = self._decay(keras.ops.maximum(step - self._warmup_steps, 0.0))
        return keras.ops.where(step < self._warmup_steps, warm, later)

    def get_config(self) -> dict:
        return dict(self._config)
