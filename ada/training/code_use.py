"""Use of codes in training: how much each is used, and how long ago it was last used."""

import numpy as np
import tensorflow as tf

from ada.quantizers import perplexity

# The long window: an average over about 100 training steps. A code that was not used in as many
# steps is unused.
WINDOW_STEPS = 100
DECAY = 1.0 - 1.0 / WINDOW_STEPS
# A code counts as used if its share is above this fraction of an equal share.
LEAST_SHARE = 0.01


class CodeUse(tf.Module):
    """Statistics of the codes, updated in every training step with *global* values.

    One batch is too little to find unused codes. Checkpoints contain all of this.

    Args:
      num_codes: C; 0 for a model without codes.

    Attributes:
      share: of each code over the long window, float32 `[C]`; zero before the first step.
      last_used: training step at which each code was last used, int64 `[C]`; for a code that was
        never used, the step at which its codebook was made.
      restarts: number of codes that were replaced so far, int64.
    """

    def __init__(self, num_codes: int) -> None:
        super().__init__(name="code_use")

        def variable(value: tf.Tensor) -> tf.Variable:
            only_first = tf.VariableAggregation.ONLY_FIRST_REPLICA
            return tf.Variable(value, trainable=False, aggregation=only_first)

        self.share = variable(tf.zeros([num_codes]))
        self.last_used = variable(tf.zeros([num_codes], tf.int64))
        self.restarts = variable(tf.zeros([], tf.int64))

    def update(self, usage: tf.Tensor, steps_done: tf.Tensor) -> None:
        """Counts a step.

        Args:
          usage: share of each code in the global batch, `[C]`.
          steps_done: with this one.
        """
        self.share.assign(DECAY * self.share + (1.0 - DECAY) * usage)
        now = tf.cast(steps_done, tf.int64)
        self.last_used.assign(tf.where(usage > 0.0, now, tf.identity(self.last_used)))

    def count_restarts(self, replaced: tf.Tensor) -> None:
        """Counts codes that were replaced, from their mask `[C]`; their age is not reset."""
        self.restarts.assign_add(tf.math.count_nonzero(replaced))

    def reset(self, steps_done: int) -> None:
        """Resets everything, after the meaning of all codes has changed."""
        self.share.assign(tf.zeros_like(self.share))
        self.last_used.assign(tf.fill(self.last_used.shape, tf.cast(steps_done, tf.int64)))
        self.restarts.assign(0)

    def ages(self, steps_done: int) -> np.ndarray:
        """Training steps since each code was last used, int64 `[C]`."""
        return steps_done - self.last_used.numpy()


def used_codes(share: np.ndarray) -> int:
    """Number of codes with more than a hundredth of an equal share, from shares `[C]`."""
    return int(np.count_nonzero(share > LEAST_SHARE * share.sum() / len(share)))


def health(use: CodeUse, steps_done: int) -> dict[str, float]:
    """Scalars of a codebook's health by name; none before a code was counted.

    "dead_codes" were not used for the length of the long window or longer.
    """
    share, ages = use.share.numpy(), use.ages(steps_done)
    if not share.sum() > 0.0:
        return {}
    dead = ages[ages >= WINDOW_STEPS]
    return {
        "perplexity": float(perplexity(tf.constant(share))),
        "used_codes": used_codes(share),
        "used_share": used_codes(share) / len(share),
        "dead_codes": len(dead),
        "dead_age_mean": float(dead.mean()) if len(dead) else 0.0,
        "dead_age_max": int(dead.max(initial=0)),
        "restarts": int(use.restarts.numpy()),
    }
