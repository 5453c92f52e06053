"""One training step, the same on one device and on many."""

from typing import NamedTuple

import keras
import tensorflow as tf

from ada.models import ModelOutput, PolyakAverage

# The long window of code use is about 100 training steps.
USAGE_DECAY = 0.99


class StepResult(NamedTuple):
    """What a training step reports, over the global batch.

    Attributes:
      losses: every weighted loss term, in nats.
      metrics: `ModelOutput.metrics`, and "gradient_norm" before clipping.
    """

    losses: dict[str, tf.Tensor]
    metrics: dict[str, tf.Tensor]


class Trainer:
    """Forward and backward pass, sum over replicas, clipping, Adam, codebook and Polyak updates.

    XLA compiles the forward and backward pass of each replica; everything that talks to other
    replicas stays outside. Gradients are summed over replicas *before* they are clipped, and all
    losses are weighted sums over the global batch, so that N replicas do what one does.

    Args:
      model: a built model (`compute_losses`), made under `strategy.scope()`.
      optimizer: a Keras optimizer made under the same scope, without clipping of its own.
      polyak: the average of the model's weights, made under the same scope.
      strategy: a tf.distribute strategy.
      clip_norm: the global norm that gradients are clipped to; 0 for no clipping.
      jit_compile: whether XLA compiles the forward and backward pass.
      seed: of everything random in a step; with the step number it decides all draws.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        polyak: PolyakAverage,
        strategy: tf.distribute.Strategy,
        clip_norm: float = 1.0,
        jit_compile: bool = True,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.polyak = polyak
        self.strategy = strategy
        self.clip_norm = clip_norm
        self.seed = seed
        self.quantizer = model.quantizer
        with strategy.scope():
            optimizer.build(model.trainable_variables)
            # Code use over a long window: a batch alone says little about dead codes.
            self.usage = tf.Variable(
                tf.zeros([model.num_codes]),
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
        self._gradients = tf.function(
            self._local_gradients, jit_compile=jit_compile, autograph=False
        )
        self._local_mean = tf.function(
            self._local_mean_query, jit_compile=jit_compile, autograph=False
        )
        self.train_step = tf.function(self._train_step, autograph=False)

    @property
    def step(self) -> int:
        """Number of training steps done."""
        return int(self.optimizer.iterations.value.numpy())

    def _train_step(self, batch: dict[str, tf.Tensor]) -> StepResult:
        """One step on a (distributed) batch of "ids" and "weights" `[batch, time]`."""
        per_replica = self.strategy.run(self._replica_step, args=(batch["ids"], batch["weights"]))
        # Every replica holds the same sums.
        return tf.nest.map_structure(
            lambda value: self.strategy.experimental_local_results(value)[0], per_replica
        )

    def _replica_step(self, ids: tf.Tensor, weights: tf.Tensor) -> StepResult:
        context = tf.distribute.get_replica_context()
        replicas = self.strategy.num_replicas_in_sync

        def total(values: dict | list) -> dict | list:
            # An empty reduction is an error, not an empty result.
            return context.all_reduce(tf.distribute.ReduceOp.SUM, values) if values else values

        step = tf.cast(self.optimizer.iterations, tf.int32)
        seeds = self._row_seeds(step, tf.shape(ids)[0])
        mean_query = None
        if replicas > 1 and self.quantizer is not None and self.quantizer.mean_query_needed:
            [mean_query] = total([self._local_mean(ids, weights)])
        output, gradients = self._gradients(ids, weights, seeds, mean_query, step)

        losses, metrics = total(output.losses), total(output.metrics)
        gradients, norm = self._clip(total(gradients))
        # The optimizer sums over replicas once more: give it each replica's share.
        self.optimizer.apply([g / replicas for g in gradients], self.model.trainable_variables)
        if self.quantizer is not None and self.quantizer.needs_update:
            self._update_quantizer(output, weights, metrics["usage"], step)
        self.polyak.update(step)
        if "usage" in metrics:
            self.usage.assign(USAGE_DECAY * self.usage + (1.0 - USAGE_DECAY) * metrics["usage"])
        return StepResult(losses, metrics | {"gradient_norm": norm})

    def _local_gradients(
        self,
        ids: tf.Tensor,
        weights: tf.Tensor,
        seeds: tf.Tensor,
        mean_query: tf.Tensor | None,
        step: tf.Tensor,
    ) -> tuple[ModelOutput, list[tf.Tensor]]:
        variables = [v.value for v in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            output = self.model.compute_losses(
                ids, weights, training=True, seeds=seeds, mean_query=mean_query, step=step
            )
            loss = tf.add_n(list(output.losses.values()))
        gradients = tape.gradient(
            loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        # Metrics that do not add up over replicas are made from "usage" afterwards.
        metrics = {
            name: value
            for name, value in output.metrics.items()
            if name not in ("perplexity", "used_codes")
        }
        # An embedding's gradient comes as slices; all that follows takes dense tensors.
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients]
        return output._replace(metrics=metrics), dense

    def _local_mean_query(self, ids: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """This replica's part of E_t[q] over the global batch (diversity loss)."""
        q = self.quantizer.normalize(self.model.queries(ids))
        return self.quantizer.mean_query(q, self.model.code_weights(weights))

    def _clip(self, gradients: list[tf.Tensor]) -> tuple[list[tf.Tensor], tf.Tensor]:
        norm = tf.linalg.global_norm(gradients)
        if not self.clip_norm:
            return gradients, norm
        scale = self.clip_norm / tf.maximum(norm, self.clip_norm)
        return [g * scale for g in gradients], norm

    def _row_seeds(self, step: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """One seed for each of this replica's rows of the global batch, int32 `[rows, 2]`."""
        context = tf.distribute.get_replica_context()
        everything = tf.random.stateless_uniform(
            [rows * self.strategy.num_replicas_in_sync, 2],
            tf.stack([self.seed, step]),
            minval=None,
            maxval=None,
            dtype=tf.int32,
        )
        first = tf.cast(context.replica_id_in_sync_group, tf.int32) * rows
        return everything[first : first + rows]

    def _update_quantizer(
        self, output: ModelOutput, weights: tf.Tensor, usage: tf.Tensor, step: tf.Tensor
    ) -> None:
        context = tf.distribute.get_replica_context()
        queries = tf.reshape(output.queries, [-1, output.queries.shape[-1]])
        codes = tf.reshape(output.codes, [-1])
        counted = tf.reshape(self.model.code_weights(weights), [-1])
        if self.strategy.num_replicas_in_sync > 1:
            queries, codes, counted = (
                context.all_gather(values, 0) for values in (queries, codes, counted)
            )
        # What stands for padding alone is no query.
        counted = counted > 0.0
        queries, codes = tf.boolean_mask(queries, counted), tf.boolean_mask(codes, counted)
        seed = tf.stack([self.seed + 1, step])
        replaced = self.quantizer.update_state(usage, queries, codes, seed)
        if replaced is not None:
            self.forget(self.quantizer.codebook, replaced)

    def forget(self, variable: keras.Variable, rows: tf.Tensor | None = None) -> None:
        """Makes optimizer slots and Polyak average follow a weight that was replaced.

        Args:
          variable: the weight.
          rows: bool mask of the rows that were; all of it if None.
        """
        if not variable.trainable:
            return
        index = self.optimizer._get_variable_index(variable)
        keep = 0.0 if rows is None else tf.cast(~rows, tf.float32)[:, tf.newaxis]
        for slots in (self.optimizer._momentums, self.optimizer._velocities):
            self.optimizer.assign(slots[index], slots[index] * keep)
        self.polyak.follow(variable, rows)
