"""The autoregressive discrete autoencoder, ADA (Dieleman et al. 2018, section 3)."""

import keras
import tensorflow as tf

from ada.layers import Configured, Field, stack_fields
from ada.models.encoder import Encoder
from ada.models.losses import ModelOutput, categorical
from ada.models.modulator import Modulator
from ada.models.wavenet import WaveNet
from ada.quantizers import Quantizer, equal_weights


@keras.saving.register_keras_serializable("ada")
class AutoregressiveDiscreteAutoencoder(Configured, keras.Model):
    """x -> encoder -> queries -> quantiser -> codes -> modulator -> local model over x.

    Lengths: one code stands for `hop_length` ids. If the number of ids is not a multiple of the
    hop, the last one is repeated, so that n ids have ceil(n / hop_length) codes; logits and
    log-probabilities are returned for the n ids only.

    Args:
      encoder: ids to queries.
      quantizer: queries to codes and quantised queries.
      modulator: quantised queries to conditioning.
      local_model: WaveNet over the same ids, with the modulator's channels as conditioning.
      auxiliary: a loss on the modulator's features, called with those, audio and weights
        (`ada.extensions.AuxiliaryLoss`); None in the paper.

    Attributes:
      trained_part: what `compute_losses` trains, one of `PARTS`; a setting of the training, not of
        the model.
    """

    # "bottleneck": all but the local model, by the auxiliary loss alone. "local_model": that, and
    # the upsampling of the modulator; everything before is frozen.
    PARTS = ("all", "bottleneck", "local_model")
    trained_part = "all"

    def __init__(
        self,
        encoder: Encoder,
        quantizer: Quantizer,
        modulator: Modulator,
        local_model: WaveNet,
        auxiliary: keras.layers.Layer | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if encoder.num_classes != local_model.num_classes:
            raise ValueError(
                f"ADA: the encoder reads {encoder.num_classes} classes, the local model predicts "
                f"{local_model.num_classes}; they must be the same."
            )
        if modulator.channels != local_model.conditioning_channels:
            raise ValueError(
                f"ADA: the modulator gives {modulator.channels} channels, the local model takes "
                f"{local_model.conditioning_channels} (conditioning_channels)."
            )
        if encoder.hop_length % modulator.upsample_by:
            raise ValueError(
                f"ADA: modulator.upsample_by must divide the hop length {encoder.hop_length}, got "
                f"{modulator.upsample_by}."
            )
        self.encoder = encoder
        self.quantizer = quantizer
        self.modulator = modulator
        self.local_model = local_model
        self.auxiliary = auxiliary
        # In float32 whatever the policy: codes are decided by small differences of distances.
        self.to_queries = keras.layers.Dense(
            quantizer.query_dim, dtype="float32", name="to_queries"
        )

    @property
    def hop_length(self) -> int:
        """Ids per code."""
        return self.encoder.hop_length

    @property
    def num_classes(self) -> int:
        """Number of ids."""
        return self.local_model.num_classes

    @property
    def num_codes(self) -> int:
        """Number of codes C."""
        return self.quantizer.num_codes

    @property
    def receptive_field(self) -> int:
        """Number of past ids that affect p(x_t) other than through the codes."""
        return self.local_model.receptive_field

    @property
    def alignment(self) -> int:
        """Ids per vector (one code, or a group of them); encoding starts at multiples of it."""
        return self.hop_length * self.quantizer.group_length

    @property
    def encoder_field(self) -> Field:
        """The ids that a code depends on, at most."""
        field, others = self.encoder.field, self.alignment - self.hop_length
        return Field(field.past + others, field.future + others, field.hop)

    @property
    def code_field(self) -> Field:
        """The codes that a conditioning step depends on, in whole groups."""
        group, field = self.quantizer.group_length, self.modulator.field
        past, future = (-(-(n + group - 1) // group) * group for n in (field.past, field.future))
        return Field(past, future)

    @property
    def context(self) -> tuple[int, int]:
        """Steps before and after an id that its log-probability may depend on.

        Through the codes it depends on the encoder's field of every code in the modulator's field,
        at every step in the field of the local model.
        """
        field = stack_fields([self.encoder.field, self.code_field])
        # An id may be the first or the last of its hop.
        reach = self.hop_length - 1
        past = self.local_model.conditioning_field - 1 + field.past + reach
        return max(self.receptive_field, past), field.future + reach

    def recompute_layers(self, number: int) -> None:
        """See `WaveNet.recompute_layers`; the encoder recomputes one layer at a time."""
        self.local_model.recompute_layers(number)
        self.encoder.recompute = number > 0

    def build(self, input_shape: tuple | None = None) -> None:
        self.encoder.build((None, None))
        self.to_queries.build((None, None, self.encoder.channels))
        self.quantizer.build((None, None, self.quantizer.query_dim))
        self.modulator.build((None, None, self.quantizer.query_dim))
        self.local_model.build((None, None))
        if self.auxiliary is not None:
            self.auxiliary.build((None, None, self.modulator.channels))
        self.built = True

    def train_part(self, part: str) -> None:
        """Sets `trained_part`.

        Raises:
          ValueError: for an unknown part, or if there is no loss to train the bottleneck by.
        """
        if part not in self.PARTS:
            raise ValueError(f"ADA: the part to train must be one of {self.PARTS}, got {part!r}.")
        if part == "bottleneck" and self.auxiliary is None:
            raise ValueError(
                "ADA: the bottleneck is trained by an auxiliary loss, and this model has none: set "
                "AutoregressiveDiscreteAutoencoder.auxiliary."
            )
        self.trained_part = part

    def queries(self, ids: tf.Tensor) -> tf.Tensor:
        """Ids `[batch, time]` to queries `[batch, ceil(time / hop_length), query_dim]`."""
        return self.to_queries(self.encoder(self._pad(ids)))

    def amplitudes(self, ids: tf.Tensor) -> tf.Tensor:
        """The audio that ids stand for, of a model with a front end or an auxiliary loss."""
        front_end = self.encoder.front_end
        return (self.auxiliary if front_end is None else front_end).amplitudes(ids)

    def encode(self, ids: tf.Tensor) -> tf.Tensor:
        """Ids `[batch, time]` to int32 codes `[batch, ceil(time / hop_length)]`."""
        codes = self.quantizer(self.queries(ids)).codes
        if codes is None:
            raise ValueError("This autoencoder has no codes: its quantiser is the identity.")
        return codes

    def conditioning(self, codes: tf.Tensor) -> tf.Tensor:
        """Codes `[batch, steps]` to the local model's conditioning `[batch, steps, channels]`."""
        return self.modulator(self.quantizer.codes_to_quantized(codes))

    def decode(self, codes: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        """Teacher-forced logits `[batch, time, num_classes]` of ids given codes.

        To *generate* ids from codes, use `ada.generation`.

        Raises:
          ValueError: if there are not ceil(time / hop_length) codes.
        """
        return self._local(ids, self.conditioning(codes))

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Teacher-forced logits of ids given the quantised queries of the same ids."""
        return self._local(ids, self.modulator(self.quantizer(self.queries(ids)).quantized))

    def log_prob(self, ids: tf.Tensor, codes: tf.Tensor | None = None) -> tf.Tensor:
        """Log p(x_t | x_1..x_t-1, codes), `[batch, time]`, in nats; not a likelihood of the ids."""
        codes = self.encode(ids) if codes is None else codes
        return categorical(self.decode(codes, ids)).log_prob(ids)

    def compute_losses(
        self,
        ids: tf.Tensor,
        weights: tf.Tensor | None = None,
        training: bool = False,
        inputs: tf.Tensor | None = None,
        mean_query: tf.Tensor | None = None,
    ) -> ModelOutput:
        """The loss L (`ada.quantizers.ada_loss`) of ids `[batch, time]`.

        Args:
          ids: int `[batch, time]`.
          weights: share of each id in the mean; sums to one over the global batch; the share of a
            code is that of its ids. Default: equal.
          training: whether losses that train nothing are left out.
          inputs: ids that the local model gets as inputs instead of `ids`, `[batch, time]`.
          mean_query: E_t[q] of the global batch (`ada.quantizers.Quantizer`).
        """
        if weights is None:
            weights = equal_weights(ids)
        padded = self._pad(ids)
        weights = tf.pad(weights, [[0, 0], [0, tf.shape(padded)[1] - tf.shape(weights)[1]]])
        queries = self.queries(padded)
        code_weights = self.code_weights(weights)
        found = self.quantizer.look_up(queries)
        metrics = self.quantizer.metrics(queries, found, code_weights)
        features = self.modulator.features(self.quantizer.decoder_input(found, queries))
        added = {}
        if self.auxiliary is not None and not (training and self.trained_part == "local_model"):
            auxiliary = self.auxiliary(features, self.amplitudes(padded), code_weights)
            added, metrics = auxiliary.losses, metrics | auxiliary.metrics
        row_nll, nll = None, tf.zeros(())
        if self.trained_part != "bottleneck":
            if self.trained_part == "local_model":
                features = tf.stop_gradient(features)
            local = self.local_model.compute_losses(
                padded,
                weights,
                inputs=None if inputs is None else self._pad(inputs),
                conditioning=self.modulator.upsampled(features),
            )
            row_nll, nll = local.row_nll, local.losses["nll"]
        losses = self.quantizer.losses(nll, found, code_weights, mean_query) | added
        return ModelOutput(self._trained(losses), metrics, found.q, found.codes, row_nll)

    def _trained(self, losses: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The losses that train the part that is trained."""
        if self.trained_part == "local_model":
            return {"nll": losses["nll"]}
        if self.trained_part == "bottleneck":
            return {name: loss for name, loss in losses.items() if name != "nll"}
        return losses

    def code_weights(self, weights: tf.Tensor) -> tf.Tensor:
        """Weights of ids `[batch, steps * hop_length]` to those of codes `[batch, steps]`."""
        frames = tf.reshape(weights, [tf.shape(weights)[0], -1, self.hop_length])
        return tf.reduce_sum(frames, axis=-1)

    def _local(self, ids: tf.Tensor, conditioning: tf.Tensor) -> tf.Tensor:
        padded = self._pad(ids)
        steps, hop = conditioning.shape[1], self.hop_length // self.modulator.upsample_by
        if None not in (steps, padded.shape[1]) and steps * hop != padded.shape[1]:
            raise ValueError(
                f"ADA: codes for {steps * hop} ids given with {ids.shape[1]} ids; at hop "
                f"{self.hop_length} those have {padded.shape[1] // self.hop_length} codes."
            )
        return self.local_model(padded, conditioning)[:, : tf.shape(ids)[1]]

    def _pad(self, ids: tf.Tensor) -> tf.Tensor:
        """Repeats the last id until the length is a multiple of the hop."""
        hop = self.hop_length
        if ids.shape[1] is not None and ids.shape[1] % hop == 0:
            return ids
        missing = -tf.shape(ids)[1] % hop
        return tf.concat([ids, tf.repeat(ids[:, -1:], missing, axis=1)], axis=1)
