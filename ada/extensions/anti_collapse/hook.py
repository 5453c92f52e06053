"""The interface of training hooks."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import keras
import tensorflow as tf


class CodeStatistics(NamedTuple):
    """Codes of a training step, over the *global* batch.

    Attributes:
      usage: share of each code, `[num_codes]`.
      q: queries as in `ada.quantizers.LookUp`, `[n, D]`.
      codes: their codes, `[n]`.
      counted: 1 for a code, 0 for padding, float `[n]`.
    """

    usage: tf.Tensor
    q: tf.Tensor
    codes: tf.Tensor
    counted: tf.Tensor


class TrainingHook:
    """Something that acts at every step of a training, besides the model and the optimizer.

    Attributes:
      updates_codebook: whether `after_step` does anything.
      state: its variables by name, which are saved with checkpoints.
    """

    updates_codebook = False

    def __init__(self) -> None:
        self.state: dict[str, tf.Variable] = {}

    def applies_to(self, model: keras.Model) -> bool:
        """Whether the hook has an effect in the training of a model."""
        raise NotImplementedError

    def build(self, model: keras.Model) -> None:
        """Makes the variables and prepares the model; called once, under the strategy's scope."""

    def begin(self) -> None:
        """Called when a training begins or resumes, its variables restored."""

    def inputs(
        self, ids: tf.Tensor, num_classes: int, seeds: tf.Tensor, step: tf.Tensor
    ) -> tf.Tensor:
        """The inputs of the local model, in place of ids `[batch, time]` of `num_classes` classes.

        Args:
          ids: the teacher-forced inputs.
          num_classes: number of ids.
          seeds: int32 `[batch, 2]`, one for each row.
          step: number of training steps done.
        """
        return ids

    def before_step(
        self, step: int, batches: Callable[[], Iterable[dict]], seed: int
    ) -> list[keras.Variable]:
        """Prepares a step, outside of any graph.

        Args:
          step: number of training steps done.
          batches: returns the training batches from this step on, "ids" and "weights".
          seed: of the training.

        Returns:
          The weights that it replaced.
        """
        return []

    def after_step(self, found: CodeStatistics, seed: tf.Tensor) -> tf.Tensor | None:
        """Changes the codebook after a step of the optimizer.

        Args:
          found: codes of this step.
          seed: int32 `[2]`, for stateless random numbers.

        Returns:
          The mask `[num_codes]` of codebook rows that were replaced, or None.
        """

    def follow(self, replaced: tf.Tensor) -> None:
        """Called after another hook replaced codebook rows, given by their mask `[num_codes]`."""

    def add_variable(self, name: str, value: tf.Tensor) -> tf.Variable:
        """Makes a variable of `state`, which every replica sets to the same value."""
        only_first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.state[name] = tf.Variable(value, trainable=False, aggregation=only_first)
        return self.state[name]
