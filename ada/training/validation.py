"""Validation during training: bits, code use, whether codes are ignored, and its duration."""

import time
from collections.abc import Callable

import numpy as np

from ada.data import Dataset
from ada.data.pipeline import ToIds
from ada.evaluation import SplitScorer
from ada.evaluation.codes import RolledCodes
from ada.training.settings import TrainingSettings
from ada.training.trainer import Trainer
from ada.utils import log

# Number of clips whose codes are exchanged, and number of scored ids in each.
ROLLED_CLIPS, ROLLED_STEPS = 16, 2048


class Validation:
    """Scores a part of the validation split, the same each time.

    Args:
      trainer: of the model.
      dataset: whose validation split is scored.
      to_ids: from stored steps to ids.
      settings: of the training.
      is_chief: whether this process reports.
    """

    def __init__(
        self,
        trainer: Trainer,
        dataset: Dataset,
        to_ids: ToIds,
        settings: TrainingSettings,
        is_chief: bool,
    ) -> None:
        parts = trainer.strategy.num_replicas_in_sync * settings.accumulation_steps
        self._scorer = SplitScorer(
            trainer.model,
            dataset,
            to_ids,
            # No more at once than in a training step, which needs more memory per id.
            batch_steps=min(65536, settings.batch_size * settings.crop_steps // parts),
            jit_compile=trainer.jit_compile,
            strategy=trainer.strategy,
            max_steps=settings.validation_ids(),
        )
        self._rolled_codes, self._is_chief = None, is_chief
        if is_chief:
            self._say_how_much(dataset)
            if trainer.model.num_codes and settings.part != "bottleneck":
                self._rolled_codes = RolledCodes(
                    trainer.model,
                    dataset,
                    to_ids,
                    counted_steps=ROLLED_STEPS,
                    num_clips=ROLLED_CLIPS,
                    jit_compile=trainer.jit_compile,
                )
        self.start_clock()

    def _say_how_much(self, dataset: Dataset) -> None:
        counted, every = self._scorer.num_steps, dataset.num_steps("validation")
        if counted < every:
            log.info(
                f"Validations score {counted:,} of {every:,} ids of the validation split, the same "
                "each time (VALIDATION_IDS = 0: all)."
            )

    def start_clock(self) -> None:
        """Starts the measurement of the time between validations."""
        self._ended = time.monotonic()

    def __call__(self, between: Callable[[], None]) -> tuple[dict[str, float], np.ndarray | None]:
        """Scores with the model's present weights.

        Args:
          between: called after every batch; exceptions that it raises end the validation.

        Returns:
          Values by their names in `metrics.jsonl`, first the score of what is trained; and the
          share of each code, `[num_codes]`, None where there are none. "speed/validation_share" is
          the share of the time since the last validation that this one took.
        """
        began = time.monotonic()
        scores = self._scorer(progress=self._is_chief, between=between)
        usage, _ = scores.pop("usage", None), scores.pop("source_bits", None)
        values = {}
        if "bits" in scores:
            values["bits" if usage is None else "reconstruction_bits"] = scores.pop("bits")
        if "explained_share" in scores:
            values["conditioning/unexplained"] = 1.0 - scores.pop("explained_share")
        values |= {f"codebook/{k}": v for k, v in scores.items()}
        if usage is not None:
            values["codebook/used_share"] = scores["used_codes"] / len(usage)
        if self._rolled_codes is not None and self._rolled_codes.possible:
            cost = self._rolled_codes(progress=True)["rolled_codes_cost_bits"]
            values["codebook/rolled_codes_cost_bits"] = cost
        now = time.monotonic()
        values["speed/validation_share"] = (now - began) / (now - self._ended)
        self._ended = now
        return values, usage
