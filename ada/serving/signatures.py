"""The signatures of a servable: which there are, what they take, and how they are traced.

    signature       takes                                  gives
    encode          audio                                  codes
    decode          codes, how                             audio
    reconstruct     audio, how                             audio
    score           audio                                  log_prob, log_prob_steps_<level>
    generate        steps, how                             audio [, codes]
    continue        prompt, steps, how                     audio [, codes], the prompt first
                    or codes, prompt, how                  audio, the prompt first
    initial_state   items                                  state
    generate_block  state, how [, codes]                   audio, num_steps, state

    a WaveNet over audio, or a prior     score, generate, continue, initial_state, generate_block
    autoencoders                         encode, decode, reconstruct, score, continue (of codes),
                                         initial_state, generate_block (of codes)
    a prior over autoencoders            all of them

`how` is temperature, seed, items. `audio` is `ids`, int32, where the bottom of the chain models
codes; `codes` are `embeddings`, float32, of an autoencoder without codes (NSynth). The state is
named by level, 0 at the bottom: `ring_0`, `previous_0`, `step_0`, and from level 1 on `kept_1`.
`score` is in nats, see `Servable.score`. `ada.serving.tensors` has types and units.
"""

from collections.abc import Callable

import tensorflow as tf

from ada.serving.servable import Servable, Tensors
from ada.serving.tensors import TENSORS

HOW = ("temperature", "seed", "items")


def trace(servable: Servable) -> dict[str, tf.types.experimental.ConcreteFunction]:
    """The signatures of a chain by name, traced for batches and lengths of any size."""
    return {
        name: _traced(function, _inputs(servable, takes))
        for name, (function, takes) in _functions(servable).items()
    }


def _functions(servable: Servable) -> dict[str, tuple[Callable[..., Tensors], tuple[str, ...]]]:
    """The function of each signature, and the names of its inputs."""
    signal, codes = servable.signal, servable.codes
    prompt = "prompt" if signal == "audio" else "prompt_ids"
    state = tuple(servable.state_shapes())
    found = {"score": (servable.score, (signal,))}
    if codes:
        found["encode"] = servable.encode, (signal,)
        found["decode"] = servable.decode, (codes, *HOW)
        found["reconstruct"] = servable.reconstruct, (signal, *HOW)
    if servable.has_prior:
        found["generate"] = servable.generate, ("steps", *HOW)
        found["continue"] = servable.continued, (prompt, "steps", *HOW)
        found["generate_block"] = servable.next_block, (*state, *HOW)
    else:
        found["continue"] = servable.decode_continued, (codes, prompt, *HOW)
        found["generate_block"] = servable.next_block, (codes, *state, *HOW)
    found["initial_state"] = servable.initial_state, ("items",)
    return found


def _inputs(servable: Servable, names: tuple[str, ...]) -> dict[str, tf.TensorSpec]:
    specs = servable.state_shapes()
    specs |= {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name) for name, tensor in TENSORS.items()
    }
    if servable.codes == "embeddings":
        shape = [None, None, servable.models[0].quantizer.query_dim]
        specs["embeddings"] = tf.TensorSpec(shape, tf.float32, "embeddings")
    return {name: specs[name] for name in names}


def _traced(
    function: Callable[..., Tensors], inputs: dict[str, tf.TensorSpec]
) -> tf.types.experimental.ConcreteFunction:
    """One signature; the names of its inputs are what clients call them."""
    # The arguments of methods have the same names for all kinds of chains.
    names = {"audio": "signal", "ids": "signal", "embeddings": "codes", "prompt_ids": "prompt"}

    def signature(**given: tf.Tensor) -> Tensors:
        return function(**{names.get(name, name): given[name] for name in inputs})

    return tf.function(signature, autograph=False).get_concrete_function(**inputs)
