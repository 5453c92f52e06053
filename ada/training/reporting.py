"""What the loop tells of a step: scalars, the progress bar's figures, a warning of collapse."""

import time
from collections.abc import Iterator
from typing import Any, TypeVar

from tqdm import tqdm

from ada import log, runs
from ada.models.losses import NATS_TO_BITS
from ada.quantizers import collapsed
from ada.training.settings import TrainingSettings
from ada.training.summaries import Summaries

T = TypeVar("T")


class Stopwatch:
    """Time since it was started, in the loop and waiting for input."""

    def __init__(self) -> None:
        self.start(0)

    def start(self, step: int) -> None:
        """Starts at a step."""
        self._step, self._began, self._waited = step, time.monotonic(), 0.0

    def waiting(self, batches: Iterator[T]) -> Iterator[T]:
        """Goes through batches and counts the time until each is there."""
        while True:
            began = time.monotonic()
            batch = next(batches, None)
            self._waited += time.monotonic() - began
            if batch is None:
                return
            yield batch

    def scalars(self, step: int) -> dict[str, float]:
        """Steps a second, and the share of the time that the loop waited for input."""
        secs = time.monotonic() - self._began
        return {
            "speed/steps_per_sec": (step - self._step) / secs,
            "speed/waiting_for_input": self._waited / secs,
        }


class Reporter:
    """Writes the scalars of a training step and sets the bar's figures.

    Args:
      run: whose steps they are.
      settings: of the training.
      summaries: where scalars go; None in a process that writes nothing.
      num_codes: of the model; 0 where there are none.
    """

    def __init__(
        self, run: runs.Run, settings: TrainingSettings, summaries: Summaries | None, num_codes: int
    ) -> None:
        self._summaries, self._num_codes = summaries, num_codes
        self._unit = "samples" if run.info.kind == "audio" else "codes"
        self._ids_a_step = settings.batch_size * settings.crop_steps
        self._audio_secs = self._ids_a_step * run.info.hop_length / run.info.sample_rate
        self._warned = False

    def step(self, values: dict[str, Any], step: int, bar: tqdm) -> None:
        """Tells of a step."""
        rate = values["speed/steps_per_sec"]
        values[f"speed/{self._unit}_per_sec"] = rate * self._ids_a_step
        values["speed/audio_secs_per_sec"] = rate * self._audio_secs
        if self._summaries is not None:
            self._summaries.scalars("train", step, values)
        shown = {"bits": f"{values['loss/nll'] * NATS_TO_BITS:.3f}"}
        perplexity = values.get("codebook/perplexity")
        if perplexity is not None and values["codebook/active"]:
            shown["perplexity"] = f"{perplexity:.0f}"
            self._warn_of_collapse(perplexity, step)
        bar.set_postfix(shown, refresh=False)

    def _warn_of_collapse(self, perplexity: float, step: int) -> None:
        now = collapsed(perplexity, self._num_codes)
        if now and not self._warned:
            log.warning(
                f"step {step}: the codebook has collapsed (perplexity {perplexity:.1f} of "
                f"{self._num_codes} codes). Try CODEBOOK_WARMUP_STEPS, RESTART_EVERY and "
                "INPUT_REPLACEMENT (gin/tiny.gin has values), or for an AMAE a larger "
                "ArgmaxQuantizer.diversity_weight."
            )
        self._warned = now
