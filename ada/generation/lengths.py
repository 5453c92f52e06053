"""Number of ids that every level needs, and of codes that a prompt determines."""

from collections.abc import Sequence
from typing import NamedTuple

import keras

from ada.layers import Field
from ada.runs.chain import Chain


class CodeGeometry(NamedTuple):
    """How the codes of an autoencoder lie over its ids.

    Attributes:
      encoder_field: receptive field of a code in ids; its `hop` is the number of ids per code.
      lookahead: codes after the present one in the receptive field of the modulator.
      num_codes: number of codes C; 0 for an autoencoder without codes (NSynth).
    """

    encoder_field: Field
    lookahead: int
    num_codes: int

    @classmethod
    def of(cls, model: keras.Model) -> "CodeGeometry | None":
        """The geometry of an autoencoder; None for a WaveNet, which has no codes."""
        if model.quantizer is None:
            return None
        return cls(model.encoder_field, model.code_field.future, model.num_codes)


def chain_geometry(chain: Chain) -> tuple[CodeGeometry | None, ...]:
    """The geometry of every level, top first; models are not built for it."""
    return tuple(CodeGeometry.of(run.configured_model()) for run in chain.runs)


def steps_needed(num_steps: int, geometry: CodeGeometry) -> int:
    """Codes that `num_steps` ids need, the modulator's look-ahead included."""
    return -(-num_steps // geometry.encoder_field.hop) + geometry.lookahead


def codes_inside(num_steps: int, geometry: CodeGeometry) -> int:
    """Number of codes of `num_steps` ids that do not depend on later ids.

    Code i depends on the ids up to `(i + 1) * hop - 1 + future`, which must be below `num_steps`.
    """
    field = geometry.encoder_field
    return max((num_steps - field.future) // field.hop, 0)


def level_lengths(
    num_steps: int, decoders: Sequence[CodeGeometry], given: int | None = None
) -> list[int]:
    """Ids of every level from which `num_steps` ids can be made at the bottom.

    Every level is generated further by the look-ahead of the modulator below it, so that the end of
    the codes is in no receptive field. Given codes may end earlier: then no level is longer than
    they are, and the last conditioning steps depend on the end, as they do in training.

    Args:
      num_steps: ids wanted at the bottom.
      decoders: the autoencoders, top first.
      given: number of given codes for the first of them; None if they are to be generated.

    Returns:
      Codes for the first decoder, then the ids of every decoder: one more than decoders.

    Raises:
      ValueError: if the given codes are too few for `num_steps`.
    """
    needed = [num_steps]
    for geometry in reversed(decoders):
        needed.insert(0, steps_needed(needed[0], geometry))
    if given is None:
        return needed
    lengths = [min(needed[0], given)]
    for geometry, wanted in zip(decoders, needed[1:], strict=True):
        lengths.append(min(wanted, lengths[-1] * geometry.encoder_field.hop))
    if lengths[-1] < num_steps:
        raise ValueError(
            f"level_lengths: {given} codes last for {lengths[-1]} ids, not for {num_steps}."
        )
    return lengths


def ids_of_codes(num_codes: int, decoders: Sequence[CodeGeometry]) -> int:
    """Ids at the bottom that `num_codes` codes for the first of `decoders` stand for."""
    for geometry in decoders:
        num_codes *= geometry.encoder_field.hop
    return num_codes
