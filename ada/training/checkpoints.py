"""Checkpoints of a run: the newest few and the best."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from ada.runs.checkpoint_files import (
    BEST,
    LIST,
    all_checkpoints,
    existing_checkpoints,
    remove,
    restore,
    step_of,
    unreadable,
    write,
    write_list,
)
from ada.training.trainer import Trainer
from ada.utils import log
from ada.utils.errors import UserError, first_line


class Checkpoints:
    """Saves and restores everything that a training step changes.

    These are weights, codebook statistics, optimizer with its step number, Polyak averages,
    statistics of code use, the loss scale of float16, the best validation score, the number of
    validations since then, and the step of the last validation. The input pipeline depends on the
    step only (`ada.data.training_batches`).

    Args:
      directory: of the run.
      trainer: whose state is saved.
      keep: number of newest checkpoints kept.
      writes: whether this process saves; of several processes, one does.

    Attributes:
      variables: what is saved and restored.
      newest: path prefix of the newest checkpoint saved here; None before the first.
    """

    def __init__(self, directory: str, trainer: Trainer, keep: int, writes: bool = True) -> None:
        folder = Path(directory) / "checkpoints"
        self.directory = str(folder)
        self._trainer = trainer
        self.best_score = tf.Variable(float("inf"), trainable=False)
        self.stale_validations = tf.Variable(0, trainable=False)
        self._validated_step = tf.Variable(0, trainable=False)
        state = {
            "model": trainer.model,
            "optimizer": trainer.optimizer,
            "polyak": trainer.polyak,
            "code_use": trainer.code_use,
            "best_score": self.best_score,
            "stale_validations": self.stale_validations,
            "validated_step": self._validated_step,
        }
        for hook in trainer.hooks:
            if hook.state:
                state[type(hook).__name__] = tf.train.Checkpoint(**hook.state)
        if trainer.loss_scale is not None:
            state["loss_scale"] = trainer.loss_scale
        # All of the state as variables.
        self.variables = [
            *trainer.variables,
            self.best_score,
            self.stale_validations,
            self._validated_step,
        ]
        self._writes, self._keep = writes, keep
        self._checkpoint = tf.train.Checkpoint(**state)
        self._saved_step: int | None = None
        self.newest: str | None = None

    def restore(self) -> bool:
        """Restores the newest checkpoint that is whole, the best if that is the newest.

        Returns:
          Whether there was any.

        Raises:
          UserError: if there are checkpoints, or were, but none can be restored.
        """
        broken = []
        for path in all_checkpoints(self.directory):
            try:
                restore(self._checkpoint, path).assert_consumed()
            except unreadable() as error:
                broken.append(f"{path} ({first_line(error)})")
                continue
            if broken:
                log.warning(f"going on from {path}; damaged: {', '.join(broken)}.")
            self._look_at_others(path)
            return True
        if broken:
            raise UserError(
                f"no checkpoint can be restored: {', '.join(broken)}. Copy them again, or choose "
                "another --run_dir to train from scratch."
            )
        if any((Path(self.directory) / folder / LIST).exists() for folder in (".", BEST)):
            raise UserError(
                f"the checkpoints of {self.directory} are gone: copy them there again, or choose "
                "another --run_dir to train from scratch."
            )
        return False

    def _look_at_others(self, restored: str) -> None:
        """Warns if other checkpoints are missing besides the restored one."""
        numbered = existing_checkpoints(self.directory)
        if restored in numbered:
            self._saved_step = self._trainer.step
        elif not numbered:
            log.warning(f"{self.directory} holds the best checkpoint alone: going on from it.")
        best = existing_checkpoints(str(Path(self.directory) / BEST))
        if not best and np.isfinite(float(self.best_score)):
            # Otherwise none would be kept until one is better than the lost one.
            log.warning(f"the best checkpoint of {self.directory} is gone: the next one is kept.")
            self.best_score.assign(float("inf"))

    def restore_from(self, path: str) -> None:
        """Restores a checkpoint of another run of the same layout, given its path prefix."""
        restore(self._checkpoint, path).assert_consumed()

    def _write(self, directory: str, keep: int) -> str:
        """Saves to a directory, and removes all but a number of the newest."""
        path = f"{directory}/ckpt-{self._trainer.step}"
        self._checkpoint.save_counter.assign_add(1)
        write(self._checkpoint, path)
        older = [p for p in existing_checkpoints(directory) if step_of(p) < self._trainer.step]
        kept, stale = older[: keep - 1], older[keep - 1 :]
        write_list(directory, [*reversed(kept), path])
        for old in stale:
            remove(old)
        return path

    def save(self) -> bool:
        """Saves the present state, at most once per step, and only if all weights are finite.

        Returns:
          Whether the state is saved; always True where another process saves it.
        """
        if not self._writes:
            return True
        if self._saved_step != self._trainer.step:
            weights = self._trainer.model.weights
            if not all(bool(tf.reduce_all(tf.math.is_finite(w))) for w in weights):
                return False
            self.newest = self._write(self.directory, self._keep)
            self._saved_step = self._trainer.step
        return True

    def stopped_early(self, patience: int) -> bool:
        """Whether the last `patience` validations brought no improvement; False for 0."""
        return bool(patience) and int(self.stale_validations) >= patience

    def validation_is_due(self, step: int, interval: int, last: bool) -> bool:
        """Whether to validate at a step: the last, or a multiple of the interval, if not done."""
        return step > 0 and (last or step % interval == 0) and int(self._validated_step) != step

    def validated(self, step: int, score: float | None) -> None:
        """Records a validation score (lower is better) and saves the best; None cannot be best."""
        self._validated_step.assign(step)
        self._saved_step = None  # an earlier checkpoint of this step does not contain it
        if score is None:
            return
        # Compared in float32, as it is stored: a score rounded up would be better than itself.
        if not tf.constant(score, tf.float32) < self.best_score:
            self.stale_validations.assign_add(1)
            return
        self.best_score.assign(score)
        self.stale_validations.assign(0)
        if self._writes:
            self._write(str(Path(self.directory) / BEST), 1)
