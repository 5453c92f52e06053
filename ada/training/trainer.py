"""One training step, the same on one device and on many."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from ada.extensions import CodeStatistics, TrainingHook
from ada.models import ModelOutput, PolyakAverage
from ada.training.code_use import CodeUse
from ada.training.loss_scale import LossScale
from ada.utils.replicas import run_on_replicas


class StepResult(NamedTuple):
    """Results of a training step, over the global batch.

    Attributes:
      losses: every weighted loss term, in nats.
      metrics: `ModelOutput.metrics`, and "gradient_norm" before clipping; with loss scaling also
        "loss_scale", and a norm of zero for a step that was skipped.
    """

    losses: dict[str, tf.Tensor]
    metrics: dict[str, tf.Tensor]


class Trainer:
    """Forward and backward pass, sum over replicas, clipping, Adam, codebook and Polyak updates.

    XLA compiles the forward and backward pass of each replica; communication between replicas is
    outside. Gradients are summed over replicas *before* they are clipped, and all
    losses are weighted sums over the global batch, so that the result does not depend on the number
    of replicas or micro-batches. On a TPU XLA compiles the whole step: all shapes in it are static.

    Args:
      model: a built model (`compute_losses`), made under `strategy.scope()`.
      optimizer: a Keras optimizer made under the same scope, without clipping of its own.
      polyak: the average of the model's weights, made under the same scope.
      strategy: a tf.distribute strategy.
      clip_norm: the global norm that gradients are clipped to; 0 for no clipping.
      jit_compile: whether XLA compiles the forward and backward pass.
      accumulation_steps: number of micro-batches into which a replica's rows are divided; their
        gradients are added up.
      loss_scale: for float16, made under the same scope.
      seed: with the number of the step, it determines all random numbers of a step.
      hooks: training hooks, built (`ada.extensions.TrainingHook`).
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
        accumulation_steps: int = 1,
        loss_scale: LossScale | None = None,
        hooks: Sequence[TrainingHook] = (),
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.polyak = polyak
        self.strategy = strategy
        self.clip_norm = clip_norm
        self.seed = seed
        self.accumulation_steps = accumulation_steps
        self.loss_scale = loss_scale
        self.hooks = hooks
        self.jit_compile = jit_compile
        self.quantizer = model.quantizer
        self._trains_codes = model.quantizer is not None and model.trained_part != "local_model"
        with strategy.scope():
            optimizer.build(model.trainable_variables)
            self.code_use = CodeUse(model.num_codes)
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

    @property
    def variables(self) -> list[tf.Variable]:
        """The state of the training: weights, optimizer, averages, use of codes, loss scale."""
        of_keras = [*self.model.weights, *self.optimizer.variables]
        of_scale = self.loss_scale.variables if self.loss_scale is not None else ()
        of_codes = self.code_use.variables
        of_hooks = (variable for hook in self.hooks for variable in hook.state.values())
        averages = self.polyak.averages
        return [*(v.value for v in of_keras), *averages, *of_codes, *of_scale, *of_hooks]

    def _train_step(self, batch: dict[str, tf.Tensor]) -> StepResult:
        """One step on a (distributed) batch of "ids" and "weights" `[batch, time]`."""
        return run_on_replicas(self.strategy, self._replica_step, batch["ids"], batch["weights"])

    def _replica_step(self, ids: tf.Tensor, weights: tf.Tensor) -> StepResult:
        context = tf.distribute.get_replica_context()
        replicas = self.strategy.num_replicas_in_sync

        def total(values: dict | list) -> dict | list:
            # An empty reduction is an error, not an empty result.
            return context.all_reduce(tf.distribute.ReduceOp.SUM, values) if values else values

        step = tf.cast(self.optimizer.iterations, tf.int32)
        seeds = self._row_seeds(step, tf.shape(ids)[0])
        mean_query = None
        if replicas * self.accumulation_steps > 1 and self._needs_mean_query():
            [mean_query] = total([self._accumulated_mean_query(ids, weights)])
        output, gradients = self._accumulated_gradients((ids, weights, seeds), mean_query, step)

        losses, metrics = total(output.losses), total(output.metrics)
        gradients, norm = self._clip(total(gradients))
        # The optimizer sums over replicas once more: give it each replica's share.
        gradients = [gradient / replicas for gradient in gradients]
        if self.loss_scale is None:
            self.optimizer.apply(gradients, self.model.trainable_variables)
        else:
            finite = tf.math.is_finite(norm)
            self._apply_if(finite, gradients)
            # If a smaller scale cannot help, the loop must see the gradient norm.
            norm = tf.where(finite | (self.loss_scale.value <= 1.0), norm, 0.0)
            self.loss_scale.update(finite)
            metrics["loss_scale"] = tf.identity(self.loss_scale.value)
            # Nor are codes counted, as the forward pass may have overflowed too.
            weights = tf.where(finite, weights, 0.0)
        if self._trains_codes and any(hook.updates_codebook for hook in self.hooks):
            self._update_codebook(output, weights, metrics["usage"], step)
        self.polyak.update(step)
        if "usage" in metrics:
            self.code_use.update(metrics["usage"], step + 1)
        return StepResult(losses, metrics | {"gradient_norm": norm})

    def _needs_mean_query(self) -> bool:
        return self._trains_codes and self.quantizer.mean_query_needed

    def _micro_batches(self, *values: tf.Tensor) -> list[tf.Tensor]:
        """Tensors `[rows, ...]` as `[accumulation_steps, rows / accumulation_steps, ...]`."""
        return [tf.reshape(v, [self.accumulation_steps, -1, *v.shape[1:]]) for v in values]

    def _accumulated_mean_query(self, ids: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        if self.accumulation_steps == 1:
            return self._local_mean(ids, weights)
        parts = tf.map_fn(
            lambda part: self._local_mean(*part),
            tuple(self._micro_batches(ids, weights)),
            parallel_iterations=1,
            fn_output_signature=tf.float32,
        )
        return tf.reduce_sum(parts, axis=0)

    def _accumulated_gradients(
        self, rows: tuple[tf.Tensor, ...], mean_query: tf.Tensor | None, step: tf.Tensor
    ) -> tuple[ModelOutput, list[tf.Tensor]]:
        """The result of `_local_gradients` for all rows, computed in micro-batches."""
        if self.accumulation_steps == 1:
            return self._gradients(*rows, mean_query, step)
        parts = self._micro_batches(*rows)

        def part(number: int | tf.Tensor) -> tuple:
            return (*(p[number] for p in parts), mean_query, step)

        def split(output: ModelOutput, gradients: list) -> tuple[list, tuple]:
            """Values that are concatenated, and values that are added up."""
            rows = [value for value in (output.q, output.codes) if value is not None]
            return rows, (output.losses, output.metrics, gradients)

        def add(number: tf.Tensor, arrays: list, sums: tuple) -> tuple:
            rows, more = split(*self._gradients(*part(number)))
            arrays = [a.write(number, r) for a, r in zip(arrays, rows, strict=True)]
            return number + 1, arrays, tf.nest.map_structure(tf.add, sums, more)

        # Only the shapes are needed: computing a first part before the loop would take memory in
        # addition to that of the loop.
        shapes = self._gradients.get_concrete_function(*part(0)).structured_outputs
        rows, sums = split(*shapes)
        arrays = [
            tf.TensorArray(r.dtype, self.accumulation_steps, element_shape=r.shape) for r in rows
        ]
        sums = tf.nest.map_structure(lambda t: tf.zeros(t.shape, t.dtype), sums)
        _, arrays, (losses, metrics, gradients) = tf.while_loop(
            lambda number, *_: number < self.accumulation_steps,
            add,
            (tf.constant(0), arrays, sums),
            parallel_iterations=1,
        )
        stacked = [a.stack() for a in arrays]
        q, codes = [*(tf.reshape(s, [-1, *s.shape[2:]]) for s in stacked), None, None][:2]
        return ModelOutput(losses, metrics, q, codes), gradients

    def _local_gradients(
        self,
        ids: tf.Tensor,
        weights: tf.Tensor,
        seeds: tf.Tensor,
        mean_query: tf.Tensor | None,
        step: tf.Tensor,
    ) -> tuple[ModelOutput, list[tf.Tensor]]:
        variables = [v.value for v in self.model.trainable_variables]
        inputs = ids
        for hook in self.hooks:
            inputs = hook.inputs(inputs, self.model.num_classes, seeds, step)
        with tf.GradientTape() as tape:
            output = self.model.compute_losses(
                ids, weights, training=True, inputs=inputs, mean_query=mean_query
            )
            loss = tf.add_n(list(output.losses.values()))
            scale = tf.constant(1.0) if self.loss_scale is None else self.loss_scale.value
            loss = loss * scale
        gradients = tape.gradient(
            loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        # Metrics that do not add up over replicas are computed from "usage" afterwards.
        metrics = {
            name: value
            for name, value in output.metrics.items()
            if name not in ("perplexity", "used_codes")
        }
        # The gradient of an embedding is sparse (tf.IndexedSlices); the rest needs dense tensors.
        dense = [tf.convert_to_tensor(gradient) / scale for gradient in gradients]
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

    def _apply_if(self, finite: tf.Tensor, gradients: list[tf.Tensor]) -> None:
        """Applies finite gradients; otherwise weights and optimizer slots do not change."""
        slots = [*self.optimizer._momentums, *self.optimizer._velocities]
        changing = [*self.model.trainable_variables, *slots]
        before = [tf.identity(variable.value) for variable in changing]
        # Otherwise infinite sums would remain in the slots.
        finite_ones = [tf.where(finite, gradient, 0.0) for gradient in gradients]
        self.optimizer.apply(finite_ones, self.model.trainable_variables)
        for variable, value in zip(changing, before, strict=True):
            self.optimizer.assign(variable, tf.where(finite, variable.value, value))

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

    def _update_codebook(
        self, output: ModelOutput, weights: tf.Tensor, usage: tf.Tensor, step: tf.Tensor
    ) -> None:
        context = tf.distribute.get_replica_context()
        q = tf.reshape(output.q, [-1, output.q.shape[-1]])
        codes = tf.reshape(output.codes, [-1])
        counted = tf.reshape(self.model.code_weights(weights), [-1])
        if self.strategy.num_replicas_in_sync > 1:
            q, codes, counted = (context.all_gather(values, 0) for values in (q, codes, counted))
        # Queries of padding alone are set to 0.
        q = tf.where(counted[:, tf.newaxis] > 0.0, q, 0.0)
        found = CodeStatistics(usage, q, codes, tf.cast(counted > 0.0, tf.float32))
        seed = tf.stack([self.seed + 1, step])
        for hook in self.hooks:
            replaced = hook.after_step(found, seed)
            if replaced is not None:
                self.code_use.count_restarts(replaced)
                self.forget(self.quantizer.codebook, replaced)
                self._tell_hooks(replaced)

    def before_step(self, batches: Callable[[], Iterable[dict]]) -> bool:
        """Calls the hooks before the next step.

        Args:
          batches: returns the training batches from this step on.

        Returns:
          Whether weights were replaced.
        """
        step = self.step if self.hooks else 0
        replaced = [w for hook in self.hooks for w in hook.before_step(step, batches, self.seed)]
        for weight in replaced:
            self.forget(weight)
        if replaced:
            self.codes_changed()
        return bool(replaced)

    def codes_changed(self) -> None:
        """Resets what depends on codes, after the meaning of all codes has changed."""
        self.code_use.reset(self.step)
        self._tell_hooks(tf.ones([self.model.num_codes], tf.bool))

    def _tell_hooks(self, replaced: tf.Tensor) -> None:
        for hook in self.hooks:
            hook.follow(replaced)

    def forget(self, variable: keras.Variable, rows: tf.Tensor | None = None) -> None:
        """Resets optimizer slots and the Polyak average of a weight that was replaced.

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
