"""The modes of sampling: each makes a request that `stream` carries out.

ancestral  everything is generated, from the prior down
primed     clips begin with given audio
continue   audio, or an earlier generation, is continued from its end
upsample   the top codes are given; the levels below are generated
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ada.generation.chain import require_prior, stream
from ada.generation.lengths import CodeGeometry, chain_geometry, ids_of_codes, level_lengths
from ada.generation.level import SamplingConfig
from ada.generation.prompts import encode_prompts, pieces_of
from ada.generation.streaming import Stream
from ada.runs.chain import Chain
from ada.utils.errors import UsageError, UserError


class Request(NamedTuple):
    """The inputs of a generation.

    Attributes:
      chain: the levels to sample, top first.
      indices: of the clips; they determine the random numbers, and the prompt of a clip if there
        are several.
      num_steps: audio samples of each.
      prefixes: see `stream`.
      codes: see `stream`.
    """

    chain: Chain
    indices: Sequence[int]
    num_steps: int
    prefixes: Sequence[Sequence[np.ndarray]] = ()
    codes: np.ndarray | None = None

    @property
    def num_items(self) -> int:
        """Number of clips."""
        return len(self.indices)

    @property
    def duration_secs(self) -> float:
        """Length of a clip."""
        return self.num_steps / sample_rate(self.chain)

    def digest(self) -> str:
        """A digest of the given ids."""
        given = [ids for level in self.prefixes for ids in level]
        given += [] if self.codes is None else [self.codes]
        digest = hashlib.sha256()
        for ids in given:
            digest.update(np.int64(len(ids)).tobytes() + np.asarray(ids, np.int32).tobytes())
        return digest.hexdigest()[:16]

    def stream(self, configs: Sequence[SamplingConfig], **options: Any) -> Stream:
        """Generates; `configs` are those of the last levels, `options` those of `stream`."""
        return stream(
            self.chain,
            self.num_items,
            self.duration_secs,
            configs[-len(self.chain.runs) :],
            **{"prefixes": self.prefixes, "codes": self.codes, "indices": self.indices} | options,
        )


def sample_rate(chain: Chain) -> int:
    """Sample rate of the audio of a chain, in Hz."""
    return chain.runs[-1].info.sample_rate


def ancestral(chain: Chain, indices: Sequence[int], duration_secs: float) -> Request:
    """A request to generate everything."""
    require_prior(chain, chain_geometry(chain))
    return Request(chain, indices, round(duration_secs * sample_rate(chain)))


def primed(
    chain: Chain,
    prompts: dict[str, np.ndarray],
    indices: Sequence[int],
    duration_secs: float,
    progress: bool = True,
) -> Request:
    """Clips that begin with a prompt: clip i with prompt i modulo their number.

    Args:
      chain: from a prior down to audio.
      prompts: bottom ids int32 `[steps]` by the name to call them in messages; of any lengths.
      indices: of the clips.
      duration_secs: length of a clip, prompt included.
      progress: whether to show progress bars.

    Raises:
      UsageError: if a prompt is longer than that.
      UserError: if there is no prior.
    """
    geometry = chain_geometry(chain)
    require_prior(chain, geometry)
    rate = sample_rate(chain)
    num_steps = round(duration_secs * rate)
    for name, ids in prompts.items():
        if len(ids) > num_steps:
            raise UsageError(
                f"{name} lasts {len(ids) / rate:g} s, more than --duration_secs="
                f"{duration_secs:g}: --prompt_secs takes less of it"
            )
    levels = encode_prompts(chain, list(prompts.values()), geometry, progress=progress)
    prefixes = [pieces_of(pieces, indices) for pieces in levels]
    return Request(chain, indices, num_steps, prefixes)


def continued(
    chain: Chain,
    pieces: dict[str, np.ndarray],
    indices: Sequence[int],
    duration_secs: float,
    progress: bool = True,
) -> Request:
    """Continues audio from its end by `duration_secs`; for the other arguments see `primed`.

    Raises:
      UsageError: if the pieces differ in length.
      UserError: if there is no prior.
    """
    num_steps = _common_length(chain, pieces, "continue them one at a time")
    duration_secs = num_steps / sample_rate(chain) + duration_secs
    return primed(chain, pieces, indices, duration_secs, progress)


def continued_ids(
    chain: Chain, ids: Sequence[np.ndarray], indices: Sequence[int], duration_secs: float
) -> Request:
    """Continues an earlier generation; with the same seed, the result equals one longer generation.

    Codes of the look-ahead are kept as well, so that nothing is generated twice.

    Args:
      chain: the chain that generated.
      ids: of every level, top first, each int `[pieces, steps]`; clip number i continues piece i
        modulo their number.
      indices: of the clips.
      duration_secs: length of the continuation.

    Raises:
      UsageError: for ids that the models do not have.
    """
    for run, level in zip(chain.runs, ids, strict=True):
        if int(level.min()) < 0 or int(level.max()) >= run.info.num_classes:
            raise UsageError(
                f"ids of {run.directory} run from {int(level.min())} to {int(level.max())}, those "
                f"of its model from 0 to {run.info.num_classes - 1}"
            )
    num_steps = ids[-1].shape[1] + round(duration_secs * sample_rate(chain))
    prefixes = [pieces_of(list(level), range(len(indices))) for level in ids]
    return Request(chain, indices, num_steps, prefixes)


def upsampled(
    chain: Chain, codes: np.ndarray, indices: Sequence[int], num_steps: int | None = None
) -> Request:
    """Decodes codes to audio: clip number i has row i modulo their number.

    Args:
      chain: from an autoencoder, whose codes they are, down to audio; a prior above it is not used.
      codes: int `[rows, code_steps]`.
      indices: of the clips.
      num_steps: audio samples of a clip; None for as many as the codes stand for.

    Raises:
      UsageError: if the codes are too few, or are not codes of that autoencoder.
      UserError: if the chain has no autoencoder with codes.
    """
    decoders = decoders_of(chain)
    geometry = chain_geometry(decoders)
    _check_codes(codes, geometry[0], decoders.runs[0].directory)
    if num_steps is None:
        num_steps = ids_of_codes(codes.shape[1], geometry)
    try:
        level_lengths(num_steps, geometry, codes.shape[1])
    except ValueError as error:
        rate = sample_rate(chain)
        raise UsageError(
            f"the {codes.shape[1]} codes last for {ids_of_codes(codes.shape[1], geometry) / rate:g}"
            f" s, less than --duration_secs={num_steps / rate:g}"
        ) from error
    return Request(
        decoders, indices, num_steps, codes=np.stack(pieces_of(codes, range(len(indices))))
    )


def upsampled_audio(
    chain: Chain,
    prompts: dict[str, np.ndarray],
    indices: Sequence[int],
    num_steps: int | None = None,
    progress: bool = True,
) -> Request:
    """Encodes audio to the topmost codes and decodes them: a reconstruction.

    Args:
      chain: see `upsampled`.
      prompts: see `primed`.
      indices: of the clips.
      num_steps: audio samples of a clip; None for as many as the prompts have.
      progress: whether to show progress bars.

    Raises:
      UsageError: if `num_steps` is None and the prompts differ in length, or they are too short.
      UserError: if the chain has no autoencoder with codes.
    """
    decoders = decoders_of(chain)
    if num_steps is None:
        num_steps = _common_length(chain, prompts, "give --duration_secs")
    pieces = encode_prompts(
        decoders, list(prompts.values()), chain_geometry(decoders), whole=True, progress=progress
    )[0]
    shortest = min(len(piece) for piece in pieces)
    return upsampled(decoders, np.stack([piece[:shortest] for piece in pieces]), indices, num_steps)


def decoders_of(chain: Chain) -> Chain:
    """The autoencoders of a chain: all of it, or all but the prior.

    Raises:
      UserError: if there is none, or it has no codes.
    """
    geometry = chain_geometry(chain)
    first = 0 if geometry[0] is not None else 1
    if not any(level is not None and level.num_codes for level in geometry):
        raise UserError(
            f"{chain.runs[-1].directory} has no codes to decode: --mode=upsample needs an "
            "autoencoder with codes."
        )
    return Chain(chain.runs[first:], chain.checkpoints[first:])


def _common_length(chain: Chain, pieces: dict[str, np.ndarray], hint: str) -> int:
    """The length of all pieces; raises UsageError if they differ."""
    rate = sample_rate(chain)
    (first, ids), *others = pieces.items()
    for name, other in others:
        if len(other) != len(ids):
            raise UsageError(
                f"{first} lasts {len(ids) / rate:g} s, {name} {len(other) / rate:g} s: {hint}"
            )
    return len(ids)


def _check_codes(codes: np.ndarray, geometry: CodeGeometry, directory: str) -> None:
    lowest, highest = int(codes.min()), int(codes.max())
    if lowest < 0 or highest >= geometry.num_codes:
        raise UsageError(
            f"the codes run from {lowest} to {highest}, those of {directory} from 0 to "
            f"{geometry.num_codes - 1}"
        )
