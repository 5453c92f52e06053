"""Metadata of a servable, in `assets.extra/metadata.json`: contracts, units, origins."""

from typing import Any

import keras
import tensorflow as tf

import ada
from ada.generation.level import DRAWING_VERSION
from ada.runs.chain import Chain
from ada.serving.servable import Servable
from ada.serving.tensors import TENSORS

FORMAT_VERSION = 1
_STATE = {
    "ring": "[batch, rows, channels], past inputs of all layers of level {}",
    "previous": "[batch], the last id of level {}; -1 before the first",
    "step": "[batch], ids of level {} generated so far",
    "kept": "[batch, steps], the last ids of level {}",
    "log_prob_steps": "[batch, steps], nats a step of level {}, given the codes above it",
}
_RECONSTRUCTION = "log p(x | codes), codes being those of x: reconstruction, no likelihood of x"
_LENGTH_RULE = (
    "encode gives ceil(n / hop) codes of n steps, the last step repeated to fill a hop. generate "
    "and continue give all codes that were generated, which are more: decoders also see codes "
    "after the end. Decoded with the same seed and cut to n steps they give the same signal."
)


def describe(
    chain: Chain, servable: Servable, signatures: dict[str, Any], xla: bool
) -> dict[str, Any]:
    """The contents of `metadata.json`.

    Args:
      chain: the runs.
      servable: made of them.
      signatures: as traced.
      xla: whether loops are compiled.
    """
    info, top = chain.runs[-1].info, chain.runs[0].info
    top_hop = 1 if servable.has_prior else servable.models[0].hop_length
    return {
        "format_version": FORMAT_VERSION,
        "sample_rate": info.sample_rate,
        "signal": servable.signal,
        "samples_per_step": info.hop_length,
        "samples_per_code": top.hop_length * top_hop if servable.codes else None,
        "num_classes": info.num_classes,
        "num_codes": servable.num_codes,
        "companding": info.companding,
        "block_steps": servable.block_steps,
        "length_rule": _LENGTH_RULE if servable.codes else None,
        "score": _score(servable),
        "draws": (
            "of an item depend on seed, its index in `items`, and temperature, not on the batch; "
            "random numbers are TensorFlow's Philox keyed by (seed, item, level, block), computed "
            "in the graph: the ids are those of ada.sample --batch_size=1 with --backend="
            + ("xla" if xla else "graph")
        ),
        "drawing_version": DRAWING_VERSION,
        "xla": xla,
        "precision": "float32",
        "levels": [_level(chain, servable, n) for n in range(len(chain.runs))],
        "signatures": {
            name: {
                "inputs": _tensors(function.structured_input_signature[1]),
                "outputs": _tensors(function.structured_outputs),
            }
            for name, function in sorted(signatures.items())
        },
        "software": {
            "ada": ada.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
    }


def _score(servable: Servable) -> str:
    """The meaning of the numbers of `score`."""
    if servable.has_prior:
        joint = "log p(x | codes) + log p(codes) = log p(x, codes), at most log p(x)"
        return joint if servable.codes else "log p(x)"
    if len(servable.models) == 1:
        return _RECONSTRUCTION
    return f"{_RECONSTRUCTION}; plus log p(codes | codes above) of every level above the bottom"


def _level(chain: Chain, servable: Servable, position: int) -> dict[str, Any]:
    run, model = chain.runs[position], servable.models[position]
    level = servable.levels[position]
    identity = run.identity(chain.checkpoints[position])
    return {
        "number": level.index,
        "model": type(model).__name__,
        "kind": run.info.kind,
        "checkpoint": identity["checkpoint"],
        "digest": identity["digest"],
        "parameters": model.count_params(),
        "num_classes": model.num_classes,
        "num_codes": model.num_codes,
        "hop_length": model.hop_length,
        "samples_per_step": run.info.hop_length,
        "receptive_field": model.receptive_field,
        "receptive_field_ms": 1000
        * model.receptive_field
        * run.info.hop_length
        / run.info.sample_rate,
        "trained_in": chain.runs[position].configured_model().dtype_policy.name,
        "block_steps": level.block_steps,
        # Of the run; requests state their own.
        "temperature": level.config.temperature,
        "top_k": level.config.top_k,
        "top_p": level.config.top_p,
    }


def _tensors(specs: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "dtype": spec.dtype.name,
            "shape": None if spec.shape.rank is None else spec.shape.as_list(),
            "meaning": _meaning(name),
        }
        for name, spec in specs.items()
    }


def _meaning(name: str) -> str:
    if name in TENSORS:
        return TENSORS[name].meaning
    kind, _, number = name.rpartition("_")
    return _STATE[kind].format(number)
