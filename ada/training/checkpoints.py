"""Checkpoints of a run: the newest few and the best."""

from pathlib import Path

import tensorflow as tf

from ada.errors import UserError
from ada.training.trainer import Trainer


class Checkpoints:
    """Saves and restores everything that a training step changes.

    Weights, codebook statistics, optimizer with its step number, Polyak averages, the long-window
    code usage, the best validation score and how long ago it was. The input needs nothing but the
    step (`ada.data.training_batches`).

    Args:
      directory: of the run.
      trainer: whose state it is.
      keep: number of newest checkpoints kept.
    """

    def __init__(self, directory: str, trainer: Trainer, keep: int) -> None:
        folder = Path(directory) / "checkpoints"
        self._trainer = trainer
        self.best_score = tf.Variable(float("inf"), trainable=False)
        self.stale_validations = tf.Variable(0, trainable=False)
        self._checkpoint = tf.train.Checkpoint(
            model=trainer.model,
            optimizer=trainer.optimizer,
            polyak=trainer.polyak,
            usage=trainer.usage,
            best_score=self.best_score,
            stale_validations=self.stale_validations,
        )
        self._newest = tf.train.CheckpointManager(self._checkpoint, str(folder), keep)
        self._best = tf.train.CheckpointManager(self._checkpoint, str(folder / "best"), 1)

    def restore(self) -> bool:
        """Restores the newest checkpoint, if there is one; returns whether there was."""
        path = self._newest.latest_checkpoint
        if path is None:
            return False
        try:
            self._checkpoint.restore(path).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{path} cannot be restored ({reason}). Remove it to go on from the one before."
            ) from error
        return True

    def save(self) -> None:
        """Saves the present state, once a step at most."""
        newest = self._newest.latest_checkpoint
        if newest is None or not newest.endswith(f"-{self._trainer.step}"):
            self._newest.save(self._trainer.step)

    def offer(self, score: float) -> bool:
        """Takes a validation score (lower is better); saves the best. Returns whether it is."""
        # Compared as it is kept: a best score rounded up would be beaten by itself.
        if tf.constant(score, tf.float32) >= self.best_score:
            self.stale_validations.assign_add(1)
            return False
        self.best_score.assign(score)
        self.stale_validations.assign(0)
        self._best.save(self._trainer.step)
        return True
