"""What codes are worth: the cost of decoding with the codes of another clip."""

import numpy as np
import tensorflow as tf

from ada.data import Dataset
from ada.data.pipeline import ToIds
from ada.errors import UserError
from ada.evaluation.likelihood import context_in_hops, read_windows
from ada.models import AutoregressiveDiscreteAutoencoder
from ada.models.losses import NATS_TO_BITS

NUM_CLIPS = 32


def rolled_codes_cost(
    model: AutoregressiveDiscreteAutoencoder,
    dataset: Dataset,
    to_ids: ToIds,
    split: str = "validation",
    counted_steps: int = 4096,
) -> dict[str, float]:
    """Bits a step that another clip's codes cost, over clips spread evenly over a split.

    Codes that are ignored cost nothing to exchange, whatever their perplexity.

    Args:
      model: a built autoencoder with codes.
      dataset: the split's dataset.
      to_ids: from stored steps to ids.
      split: its name.
      counted_steps: ids of each clip that are scored; context is read besides.

    Returns:
      "own_codes_bits", "rolled_codes_bits" and their difference "rolled_codes_cost_bits".
    """
    left, right = context_in_hops(model)
    hop = model.hop_length
    # Of short data shorter clips, so that there are several.
    longest = int(max(dataset.index(split).lengths))
    counted = max(min(-(-counted_steps // hop), longest // 4 // hop), 1) * hop
    ids, weights = read_windows(
        dataset, split, to_ids, left + counted + right, left, right, hop, NUM_CLIPS
    )
    if len(ids) < 2:
        raise UserError(f"the {split} split is too short to exchange codes between clips.")

    @tf.function(autograph=False)
    def log_prob(ids: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        return model.log_prob(ids, codes)

    codes = np.concatenate([model.encode(row[np.newaxis]).numpy() for row in ids])
    # Half-way around: neighbours in time share notes.
    rolled = np.roll(codes, len(codes) // 2, axis=0)

    def bits(codes: np.ndarray) -> float:
        total = sum(
            float(tf.reduce_sum(w * log_prob(row[np.newaxis], code[np.newaxis])[0]))
            for row, code, w in zip(ids, codes, weights, strict=True)
        )
        return -total / float(weights.sum()) * float(NATS_TO_BITS)

    own, other = bits(codes), bits(rolled)
    return {
        "own_codes_bits": own,
        "rolled_codes_bits": other,
        "rolled_codes_cost_bits": other - own,
    }
