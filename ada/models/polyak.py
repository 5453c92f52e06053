"""Polyak averaging of weights, with a warm-up."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf


class PolyakAverage(tf.Module):
    """A running mean of a model's trainable weights, used for validation, export and sampling.

    The decay grows with the number of updates n, min(decay, (1 + n) / (10 + n)), so that a young
    average is not made of initial weights (our choice; the paper averages without saying how).

    Args:
      model: a built model.
      decay: the final decay; 0 turns averaging off (the average is the weights).
    """

    def __init__(self, model: keras.Model, decay: float = 0.999) -> None:
        super().__init__(name="polyak")
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"PolyakAverage: decay must be in [0, 1), got {decay}.")
        self.decay = decay
        # Keras's variables, which checkpoints do not follow: they would hold the weights twice.
        self._sources = list(model.trainable_variables)
        self.averages = [self._copy(source.value) for source in self._sources]

    @staticmethod
    def _copy(source: tf.Variable) -> tf.Variable:
        return tf.Variable(
            source,
            trainable=False,
            dtype=source.dtype,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def update(self, num_updates: tf.Tensor) -> None:
        """Moves the averages towards the weights; n = `num_updates` came before."""
        n = tf.cast(num_updates, tf.float32)
        decay = tf.minimum(self.decay, (1.0 + n) / (10.0 + n)) if self.decay else 0.0
        for average, source in zip(self.averages, self._sources, strict=True):
            average.assign(average + (1.0 - decay) * (source.value - average))

    def reset(self) -> None:
        """Makes the averages the weights."""
        for average, source in zip(self.averages, self._sources, strict=True):
            average.assign(source.value)

    def follow(self, variable: keras.Variable, rows: tf.Tensor | None = None) -> None:
        """Sets one weight's average, or some rows of it (bool mask), to the weight's."""
        for average, source in zip(self.averages, self._sources, strict=True):
            if source is variable:
                value = tf.convert_to_tensor(source.value)
                average.assign(value if rows is None else tf.where(rows[:, None], value, average))

    def copy_to_model(self) -> None:
        """Overwrites the model's weights with their averages (for inference)."""
        for average, source in zip(self.averages, self._sources, strict=True):
            source.value.assign(average)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the context, the model's weights are the averages."""
        kept = [tf.identity(source.value) for source in self._sources]
        self.copy_to_model()
        try:
            yield
        finally:
            for source, value in zip(self._sources, kept, strict=True):
                source.value.assign(value)
