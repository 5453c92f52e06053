"""Loss scaling for float16."""

import tensorflow as tf

# The largest float16 is 65504: a step with an overflow halves the scale.
INITIAL = 2.0**15
GROWTH_STEPS = 1000


class LossScale(tf.Module):
    """A factor on the loss that keeps small gradients from vanishing in float16.

    A step whose gradients are not finite is skipped and halves it; a number of good steps in a row
    double it (Micikevicius et al. 2018, section 3.2).
    """

    def __init__(self) -> None:
        super().__init__(name="loss_scale")
        only_first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.value = tf.Variable(INITIAL, trainable=False, aggregation=only_first)
        self.good_steps = tf.Variable(0, trainable=False, aggregation=only_first)

    def update(self, finite: tf.Tensor) -> None:
        """Counts a step whose gradients were finite, or were not."""
        good = tf.where(finite, self.good_steps + 1, 0)
        grown = good >= GROWTH_STEPS
        value = tf.where(grown, 2.0 * self.value, tf.identity(self.value))
        self.value.assign(tf.where(finite, value, tf.maximum(0.5 * self.value, 1.0)))
        self.good_steps.assign(tf.where(grown, 0, good))
