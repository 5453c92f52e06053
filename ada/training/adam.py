"""Adam with a learning rate of its own for the codebook."""

import keras
import tensorflow as tf


class CodebookAdam(keras.optimizers.Adam):
    """Adam whose updates of a codebook are multiplied by a factor (ours, not the paper's).

    Adam divides each gradient by its magnitude. Since the codebook loss is the only one with a
    gradient for the codebook, this cancels its weight alpha. The factor takes the role that alpha
    has in plain gradient descent: it sets how fast the codebook follows the encoder.

    Args:
      learning_rate: for all other variables, a number or a schedule.
      codebook_rate: the factor.
      beta_2: Adam's second decay.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
        codebook_rate: float,
        beta_2: float,
    ) -> None:
        super().__init__(learning_rate, beta_2=beta_2)
        self._codebook_rate = codebook_rate
        self._codebooks: list[int] = []

    def build(self, variables: list[keras.Variable]) -> None:
        self._codebooks = [k for k, variable in enumerate(variables) if variable.name == "codebook"]
        super().build(variables)

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        if self._get_variable_index(variable) in self._codebooks:
            learning_rate = learning_rate * self._codebook_rate
        super().update_step(gradient, variable, learning_rate)
