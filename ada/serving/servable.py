"""The requests to a chain of runs, as functions of tensors that need TensorFlow only."""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from ada.audio import pcm16
from ada.generation import Level, SamplingConfig, engine
from ada.generation.engine import Sequences
from ada.generation.lengths import CodeGeometry, level_lengths
from ada.models.losses import categorical
from ada.runs.info import RunInfo
from ada.runs.model_json import model_config, model_from_config
from ada.serving.checks import require, within
from ada.serving.states import named, nested, require_state
from ada.serving.tensors import MAX_STEPS
from ada.utils.errors import UsageError

Tensors = dict[str, tf.Tensor]
# Items whose loops may run at the same time, on the threads that there are.
PARALLEL_ITEMS = 16
_STREAM = "stream by generate_block"
NO_ITEMS = "there must be at least one item."
_IDS = tf.TensorSpec([None], tf.int32)


class Servable:
    """A chain, ready to be traced.

    `signal` is what the bottom of the chain models, audio or ids; `how` are "temperature", "seed"
    and "items" (`ada.serving.tensors`). Items are generated one by one: what one
    gets does not depend on how many there are.

    Args:
      models: built, top first, each over the codes of the next.
      info: of the bottom one's run.
      configs: top-k and top-p of every level, top first; seed and temperature come with requests.
      xla: whether XLA compiles the sampling loops.
      max_steps: longest signal of a request, or that codes of a request stand for.

    Attributes:
      models: top first, in float32.
      levels: what samples from them.
      signal: "audio" or "ids".
      codes: "codes" or "embeddings", what the topmost autoencoder makes; None without one.
      num_codes: of the topmost autoencoder; 0 without codes.
      has_prior: whether the top is a model without codes above it.
      block_steps: of the bottom level.
      code_steps: steps of the signal to one of `codes`.
      max_steps: see above.
    """

    def __init__(
        self,
        models: Sequence[keras.Model],
        info: RunInfo,
        configs: Sequence[SamplingConfig],
        xla: bool = False,
        max_steps: int = MAX_STEPS,
    ) -> None:
        self.max_steps = max_steps
        self._info = info
        self.models = [in_float32(model) for model in models]
        top = len(self.models) - 1
        backend = "xla" if xla else "graph"
        self.levels = [
            Level(model, how, index=top - n, batch_size=1, backend=backend)
            for n, (model, how) in enumerate(zip(self.models, configs, strict=True))
        ]
        self.signal = "audio" if self._info.kind == "audio" else "ids"
        self.has_prior = self.models[0].quantizer is None
        self._decoders = self.models[1:] if self.has_prior else self.models
        self.codes, self.num_codes = None, 0
        if self._decoders:
            self.num_codes = self._decoders[0].num_codes
            self.codes = "codes" if self.num_codes else "embeddings"

        self.code_steps = math.prod(model.hop_length for model in self._decoders)
        self.block_steps = self.levels[-1].block_steps
        if max_steps < max(self.code_steps, 2):
            raise UsageError(
                f"--max_steps={max_steps} is too short for a request: give at least "
                f"{max(self.code_steps, 2)}"
            )
        # A function of its own, so that all signatures share its table.
        self._ids_of_audio = tf.function(
            lambda audio: self._info.to_ids()(pcm16(audio)), autograph=False
        )

    def encode(self, signal: tf.Tensor) -> Tensors:
        """The topmost codes; signals are padded with their last step to a multiple of the hop."""
        return {self.codes: self._encoded(self._to_ids(signal))[0]}

    def decode(self, codes: tf.Tensor, **how: tf.Tensor) -> Tensors:
        """A signal generated from codes: for each of them what it stands for."""
        self._require_short(self.codes, tf.shape(codes)[1], self.code_steps, _STREAM)
        return {self.signal: self._from_ids(self._decoded(self._checked(codes), how))}

    def reconstruct(self, signal: tf.Tensor, **how: tf.Tensor) -> Tensors:
        """A signal of the same length, generated from the codes of a signal."""
        ids = self._decoded(self._encoded(self._to_ids(signal))[0], how)
        return {self.signal: self._from_ids(ids[:, : tf.shape(signal)[1]])}

    def score(self, signal: tf.Tensor) -> Tensors:
        """Log-probabilities in nats: of every step of every level, and of an item in all.

        Without autoencoders it is log p(x). An autoencoder's is log p(x | codes), its codes being
        those of x: no likelihood of x. Of two it is log p(x | codes) + log p(codes | codes above).
        With a prior it is log p(x | codes) + log p(codes), that is log p(x, codes), which is at
        most log p(x).
        """
        *codes, ids = self._encoded(self._to_ids(signal))
        scores = {}
        for index, model in enumerate(reversed(self.models)):
            above = codes.pop() if codes else None
            if model.quantizer is None:
                log_prob = model.log_prob(ids)
            elif model.num_codes:
                log_prob = model.log_prob(ids, above)
            else:
                log_prob = categorical(model(ids)).log_prob(ids)
            scores[f"log_prob_steps_{index}"] = log_prob
            ids = above
        items = [tf.reduce_sum(log_prob, axis=1) for log_prob in scores.values()]
        return {"log_prob": tf.add_n(items)} | scores

    def generate(self, steps: tf.Tensor, **how: tf.Tensor) -> Tensors:
        """A signal of `steps` steps, and the codes at the top of it."""
        return self._generated(steps, how, [])

    def continued(self, prompt: tf.Tensor, steps: tf.Tensor, **how: tf.Tensor) -> Tensors:
        """A prompt and `steps` steps more."""
        require(steps >= 0, "steps must be 0 or more.")
        prefixes = self._encoded(self._to_ids(prompt), inside=True)
        return self._generated(tf.shape(prompt)[1] + steps, how, prefixes)

    def decode_continued(self, codes: tf.Tensor, prompt: tf.Tensor, **how: tf.Tensor) -> Tensors:
        """A signal generated from codes, which begins with a prompt."""
        self._require_short(self.codes, tf.shape(codes)[1], self.code_steps, _STREAM)
        ids = self._to_ids(prompt)
        require(
            tf.shape(ids, tf.int64)[1] <= self._totals(codes)[-1],
            "the prompt is longer than what the codes stand for.",
        )
        prefixes = self._encoded(ids, self._decoders[1:], inside=True)
        return {self.signal: self._from_ids(self._decoded(self._checked(codes), how, prefixes))}

    def initial_state(self, items: tf.Tensor) -> Tensors:
        """The state of streams before their first block."""
        require(tf.size(items) > 0, NO_ITEMS)
        state = named(self.levels, engine.begin(self.levels))
        return {name: tf.repeat(x[tf.newaxis], tf.size(items), 0) for name, x in state.items()}

    def next_block(self, codes: tf.Tensor | None = None, **inputs: tf.Tensor) -> Tensors:
        """The next block of a signal, how many of its steps there are, and the state after it.

        What comes after the end of codes is zero.
        """
        names, bottom = list(self.state_shapes()), len(self.levels) - 1
        totals = self._totals(codes)
        require_state(self.levels, inputs, totals)
        rows = [inputs.pop(name) for name in names]
        rows += [] if codes is None else [self._checked(codes)]

        def sample(sequence: Sequences, *row: tf.Tensor) -> tuple[tf.Tensor, ...]:
            given = row[len(names)][tf.newaxis] if codes is not None else None
            sequence = sequence._replace(totals=totals, codes=given)
            before = nested(self.levels, row)
            states, ids = engine.advance(self.levels, before, bottom, sequence)
            count = tf.cast(states[-1].sampler.step - before[-1].sampler.step, tf.int32)
            return ids[0], count, *named(self.levels, states).values()

        outputs = (tf.int32, tf.int32, *(row.dtype for row in rows[: len(names)]))
        ids, count, *state = self._each(sample, inputs, outputs, *rows)
        there = tf.range(tf.shape(ids)[1]) < count[:, tf.newaxis]
        signal = self._from_ids(ids)
        signal = tf.where(there, signal, tf.zeros([], signal.dtype))
        return {self.signal: signal, "num_steps": count} | dict(zip(names, state, strict=True))

    def _totals(self, codes: tf.Tensor | None) -> list[tf.Tensor]:
        """Ids that there are of every level: those that codes stand for, or without an end."""
        if codes is None:
            return [tf.constant(np.iinfo(np.int64).max, tf.int64)] * len(self.levels)
        hops = np.cumprod([level.hop_length for level in self.levels])
        return [tf.shape(codes, tf.int64)[1] * hop for hop in hops]

    def state_shapes(self) -> dict[str, tf.TensorSpec]:
        """The state between blocks, `[batch, ...]`, by name; 0 is the bottom level."""
        return {
            name: tf.TensorSpec([None, *x.shape], x.dtype)
            for name, x in named(self.levels, engine.begin(self.levels)).items()
        }

    def _encoded(
        self,
        ids: tf.Tensor,
        decoders: Sequence[keras.Model] | None = None,
        inside: bool = False,
    ) -> list[tf.Tensor]:
        """Ids and their codes, top first; `inside`: those that no later ids would change."""
        signals = [ids]
        for model in reversed(self._decoders if decoders is None else decoders):
            ids = signals[0]
            codes = model.encode(ids) if model.num_codes else model.queries(ids)
            if inside:
                field = model.encoder_field
                count = (tf.shape(ids)[1] - field.future) // field.hop
                codes = codes[:, : tf.maximum(count, 0)]
            signals.insert(0, codes)
        return signals

    def _decoded(
        self, codes: tf.Tensor, how: Tensors, prefixes: Sequence[tf.Tensor] = ()
    ) -> tf.Tensor:
        """Bottom ids generated from codes, and from prefixes of the levels below, top first."""
        levels, count = self.levels, len(self._decoders)

        def sample(sequence: Sequences, codes: tf.Tensor, *prefixes: tf.Tensor) -> tf.Tensor:
            codes = codes[tf.newaxis]
            begun = [ids[tf.newaxis] for ids in prefixes] or [None] * count
            for position, ids in zip(range(len(levels))[-count:], begun, strict=True):
                num_steps = tf.shape(codes)[1] * levels[position].hop_length
                codes = engine.whole(levels, position, sequence, num_steps, codes, ids)
            return codes[0]

        return self._each(sample, how, _IDS, codes, *prefixes)

    def _generated(
        self, num_steps: tf.Tensor, how: Tensors, prefixes: Sequence[tf.Tensor]
    ) -> Tensors:
        """All levels generated, from prefixes if there are any, `num_steps` at the bottom."""
        require(num_steps > 0, "steps must be 1 or more.")
        self._require_short("steps", num_steps, 1, _STREAM)
        lengths = level_lengths(num_steps, [CodeGeometry.of(model) for model in self._decoders])

        def sample(sequence: Sequences, *prefixes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            generated = [None]
            begun = [ids[tf.newaxis] for ids in prefixes] or [None] * len(self.levels)
            for position, (length, ids) in enumerate(zip(lengths, begun, strict=True)):
                generated.append(
                    engine.whole(self.levels, position, sequence, length, generated[-1], ids)
                )
            return generated[-1][0], generated[1][0]

        ids, top = self._each(sample, how, (_IDS, _IDS), *prefixes)
        return {self.signal: self._from_ids(ids)} | ({self.codes: top} if self.codes else {})

    def _each(
        self, sample: Callable, how: Tensors, outputs: tf.TypeSpec | tuple, *rows: tf.Tensor
    ) -> tf.Tensor | tuple[tf.Tensor, ...]:
        """Results of `sample(sequence, *row)` for every item, stacked."""
        items, temperature = how["items"], how["temperature"]
        levels = len(self.levels)
        message = "there must be as many items as rows of every other input."
        checks = [require(tf.shape(row)[0] == tf.size(items), message) for row in rows]
        checks += [
            require(tf.size(items) > 0, NO_ITEMS),
            require(tf.reduce_all(items >= 0), "items must be 0 or more."),
            require(tf.reduce_all(temperature >= 0.0), "temperature must be 0 or more."),
            require(
                (tf.size(temperature) == 1) | (tf.size(temperature) == levels),
                f"temperature must be one number, or {levels}: one a level.",
            ),
        ]
        with tf.control_dependencies(checks):
            items = tf.identity(items)
            temperature = tf.broadcast_to(tf.reshape(temperature, [-1]), [levels])

        def one(row: tuple[tf.Tensor, ...]) -> tf.Tensor | tuple[tf.Tensor, ...]:
            index, *rest = row
            items = tf.cast(index, tf.int64)[tf.newaxis]
            return sample(Sequences(items, [how["seed"]] * levels, tf.unstack(temperature)), *rest)

        return tf.map_fn(
            one, (items, *rows), fn_output_signature=outputs, parallel_iterations=PARALLEL_ITEMS
        )

    def _require_short(self, name: str, count: tf.Tensor, steps: int, advice: str) -> None:
        """Fails the request where `count` of an input, of `steps` steps each, are too many."""
        most = self.max_steps // steps
        message = f"{name} must be at most {most}: {advice}, or export with a larger --max_steps."
        require(count <= most, message)

    def _to_ids(self, signal: tf.Tensor) -> tf.Tensor:
        """A signal as the ids that training saw: audio is rounded to 16 bits first."""
        self._require_short(f"steps of {self.signal}", tf.shape(signal)[1], 1, "send it in parts")
        checks = [
            require(tf.shape(signal)[0] > 0, NO_ITEMS),
            require(tf.shape(signal)[1] > 0, f"{self.signal}: there must be at least one step."),
        ]
        with tf.control_dependencies(checks):
            signal = tf.identity(signal)
        if self.signal == "ids":
            return within(signal, self._info.num_classes, "ids")
        signal = tf.debugging.check_numerics(signal, "audio")
        return self._ids_of_audio(signal)

    def _from_ids(self, ids: tf.Tensor) -> tf.Tensor:
        if self.signal == "ids":
            return ids
        every = np.arange(self._info.num_classes)
        return tf.gather(tf.constant(self._info.ids_to_audio(every), tf.float32), ids)

    def _checked(self, codes: tf.Tensor) -> tf.Tensor:
        """Codes, or embeddings, that can be decoded."""
        require(tf.shape(codes)[1] > 0, f"{self.codes}: there must be at least one step.")
        if self.codes == "embeddings":
            return tf.debugging.check_numerics(codes, "embeddings")
        return within(codes, self.num_codes, "codes")


def in_float32(model: keras.Model) -> keras.Model:
    """The same weights in a model that computes in float32, whatever it was trained in."""
    policy = model.dtype_policy.name
    if policy == "float32":
        return model
    exact = model_from_config(model_config(model).replace(f'"{policy}"', '"float32"'))
    exact.build()
    exact.set_weights(model.get_weights())
    return exact
