"""Reports of the training loop: scalars, the progress bar, a warning of codebook collapse."""

import math
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from tqdm import tqdm

from ada.models.losses import NATS_TO_BITS
from ada.quantizers import collapsed
from ada.runs import run as runs
from ada.training.settings import TrainingSettings
from ada.training.tensorboard.summaries import Summaries, bits_of
from ada.training.trainer import Trainer
from ada.utils import log

T = TypeVar("T")


class Stopwatch:
    """Measures time in the loop, and the part of it spent waiting for input."""

    def __init__(self) -> None:
        self.start(0)

    def start(self, step: int) -> None:
        """Starts at a step."""
        self._step, self._began, self._waited = step, time.monotonic(), 0.0

    def waiting(self, batches: Iterator[T]) -> Iterator[T]:
        """Iterates over batches and counts the time until each is available."""
        while True:
            began = time.monotonic()
            batch = next(batches, None)
            self._waited += time.monotonic() - began
            if batch is None:
                return
            yield batch

    def scalars(self, step: int) -> dict[str, float]:
        """Steps per second, and the share of the time that the loop waited for input."""
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
        self._info, self._intervals = run.info, settings.intervals
        self._summaries, self._num_codes = summaries, num_codes
        self._unit = "samples" if run.info.kind == "audio" else "codes"
        self._ids_a_step = settings.batch_size * settings.crop_steps
        self._audio_secs = self._ids_a_step * run.info.hop_length / run.info.sample_rate
        self._warned = False

    def step(self, values: dict[str, Any], step: int, bar: tqdm) -> None:
        """Reports a step."""
        rate = values["speed/steps_per_sec"]
        values[f"speed/{self._unit}_per_sec"] = rate * self._ids_a_step
        values["speed/audio_secs_per_sec"] = rate * self._audio_secs
        if self._summaries is not None:
            self._summaries.scalars("train", step, values)
        shown = {}
        if "loss/nll" in values:
            shown["bits"] = f"{values['loss/nll'] * NATS_TO_BITS:.3f}"
        if "conditioning/unexplained" in values:
            shown["unexplained"] = f"{values['conditioning/unexplained']:.3f}"
        perplexity = values.get("codebook/perplexity")
        if perplexity is not None:
            shown["perplexity"] = f"{perplexity:.0f}"
            self._warn_of_collapse(perplexity, step)
        bar.set_postfix(shown, refresh=False)

    def validation(
        self,
        values: dict[str, float],
        step: int,
        trainer: Trainer,
        usage: np.ndarray | None,
        clips: dict[str, np.ndarray],
    ) -> None:
        """Reports a validation, with its pictures and audio.

        Args:
          values: scalars by name.
          step: training steps done.
          trainer: of the model.
          usage: share of each code in the split, `[num_codes]`; None where there are none.
          clips: ids by name (`ada.training.tensorboard.listen.Listener`).
        """
        summaries, model = self._summaries, trainer.model
        summaries.scalars("validation", step, values)
        message = ", ".join(f"{k} {v:.3f}" for k, v in values.items())
        log.info(f"step {step}: validation {message}")
        if usage is not None:
            summaries.code_use(step, usage)
            share = trainer.code_use.share.numpy()
            if share.any() and model.quantizer.is_active:
                summaries.codebook(step, share, trainer.code_use.ages(step))
        if self._intervals.weight_histograms:
            summaries.weights(step, model)
        codes = {name: ids for name, ids in clips.items() if name == "codes"}
        ids = {name: ids for name, ids in clips.items() if name != "codes"}
        if self._info.kind == "audio" and ids:
            audio = {name: np.asarray(self._info.ids_to_audio(i)) for name, i in ids.items()}
            summaries.audio(step, audio, self._info.sample_rate)
        else:
            codes = ids | codes
        if codes:
            counts = dict.fromkeys(ids, model.num_classes) | {"codes": model.num_codes}
            summaries.codes(step, codes, counts)

    def notes(self, values: dict[str, float], step: int) -> None:
        """Reports note F1 of reconstructions (`tensorboard.notes.NoteListener`)."""
        if not values:
            log.info(f"step {step}: no notes in the clips of the validation split")
            return
        self._summaries.scalars("validation", step, values)
        log.info(f"step {step}: " + ", ".join(f"{k} {v:.3f}" for k, v in values.items()))

    def score(self, values: dict[str, float], step: int, best_bits: float) -> None:
        """Writes the scores of a validation for the table of hyperparameters.

        Args:
          values: its scalars by name.
          step: training steps done.
          best_bits: the lowest so far; infinite before a model can be the best.
        """
        scores = {
            "bits": bits_of(values),
            "best_bits": best_bits if math.isfinite(best_bits) else None,
            "perplexity": values.get("codebook/perplexity"),
        }
        found = {f"score/{name}": value for name, value in scores.items() if value is not None}
        self._summaries.drawn_scalars("run", step, found)

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
