"""Generation with a chain of runs: loads the models of all levels and samples them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ada.generation.backends import default_batch_size
from ada.generation.lengths import CodeGeometry, chain_geometry, ids_of_codes, level_lengths
from ada.generation.level import Level, SamplingConfig
from ada.generation.streaming import ENDLESS, Stream
from ada.runs.chain import Chain
from ada.runs.sampling_defaults import read
from ada.utils.errors import UserError


class Generated(NamedTuple):
    """Output of a chain.

    Attributes:
      audio: float32 `[items, samples]`.
      sample_rate: Hz.
      ids: every level's ids, top first, each int32 `[items, steps]`; codes that were given are
        the first.
      bits: mean -log2 p(id) of the generated ids, per level, top first; None if there are none.
      real_time_factor: seconds of audio generated per second, all clips together.
    """

    audio: np.ndarray
    sample_rate: int
    ids: tuple[np.ndarray, ...]
    bits: tuple[float | None, ...]
    real_time_factor: float


def load_levels(
    chain: Chain,
    config: SamplingConfig | Sequence[SamplingConfig] | None = None,
    *,
    batch_size: int = 1,
    backend: str = "auto",
    weights: str = "float32",
) -> list[Level]:
    """The models of a chain, for any number of streams.

    Args:
      chain: the run directories.
      config: how ids are sampled, for all levels or for each, top first; None for seed 0 and the
        values of each run (`ada.runs.sampling_defaults`).
      batch_size: number of clips computed side by side.
      backend: of the sampling loop (`ada.generation.backends`).
      weights: precision in which matrices are stored, "float32" or "bfloat16".

    Raises:
      ValueError: if there are not as many configs as levels.
    """
    top = len(chain.runs) - 1
    options = {"batch_size": batch_size, "backend": backend, "weights": weights}
    return [
        Level(chain.load_model(position), how, index=top - position, **options)
        for position, how in enumerate(_of_levels(config, chain))
    ]


def stream(
    chain: Chain,
    num_items: int = 1,
    duration_secs: float | None = None,
    config: SamplingConfig | Sequence[SamplingConfig] | None = None,
    *,
    prefixes: Sequence[Sequence[Sequence]] = (),
    codes: np.ndarray | None = None,
    indices: Sequence[int] | None = None,
    batch_size: int | None = None,
    backend: str = "auto",
    weights: str = "float32",
    levels: Sequence[Level] | None = None,
    progress: bool = False,
) -> Stream:
    """Audio of a whole chain, block by block.

        for block in ada.generation.stream(chain, duration_secs=60.0):
            play(block.audio[0])

    All levels advance together; memory does not grow with the duration. The models of all levels
    are loaded first.

    Args:
      chain: the run directories.
      num_items: clips.
      duration_secs: length of each; None for the length of the given codes, or for clips without an
        end.
      config: see `load_levels`.
      prefixes: for every level, top first, the ids that each clip begins with, int `[steps]`;
        empty to generate everything.
      codes: int `[num_items, code_steps]`, for a chain whose first level is an autoencoder; None if
        it is a prior.
      indices: of the clips, which with the seed determine their random numbers; 0, 1, ... if None.
      batch_size: see `load_levels`; None chooses it by backend and number of clips.
      backend: see `load_levels`.
      weights: see `load_levels`.
      levels: the result of `load_levels` for this chain, to load it only once; then the three
        arguments before are ignored.
      progress: whether to show a progress bar.

    Raises:
      UserError: if the chain does not end in audio, or does not start with a prior or the codes.
      ValueError: if there are too few codes, or the arguments contradict each other.
    """
    chain.require_audio()
    info = chain.runs[-1].info
    geometry = chain_geometry(chain)
    if codes is None:
        require_prior(chain, geometry)
        num_steps = ENDLESS
    else:
        num_steps = ids_of_codes(codes.shape[1], geometry)
    if duration_secs is not None:
        num_steps = round(duration_secs * info.sample_rate)
    if codes is None:
        lengths = level_lengths(num_steps, geometry[1:])
    else:
        code_steps, *lengths = level_lengths(num_steps, geometry, codes.shape[1])
        codes = codes[:, :code_steps]
    if levels is None:
        batch_size = batch_size or default_batch_size(backend, num_items)
        levels = load_levels(chain, config, batch_size=batch_size, backend=backend, weights=weights)
    else:
        how = _of_levels(config, chain)
        levels = [level.with_config(d) for level, d in zip(levels, how, strict=True)]
    return Stream(
        levels,
        lengths,
        num_items,
        info.ids_to_audio,
        info.sample_rate,
        codes=codes,
        prefixes=prefixes,
        indices=indices,
        desc="generating" if progress else None,
    )


def generate(
    chain: Chain,
    num_items: int,
    duration_secs: float,
    config: SamplingConfig | Sequence[SamplingConfig] | None = None,
    **options: Any,
) -> Generated:
    """All blocks of `stream` at once; the arguments are the same."""
    made = stream(chain, num_items, duration_secs, config, **options)
    ids, log_probs = zip(*made.collect(), strict=True)
    given = () if made.codes is None else (made.codes,)
    bits = tuple(map(_bits, log_probs))
    audio = made.to_audio(ids[-1])
    return Generated(audio, made.sample_rate, given + ids, bits, made.real_time_factor)


def _of_levels(
    config: SamplingConfig | Sequence[SamplingConfig] | None, chain: Chain
) -> list[SamplingConfig]:
    """The config of every level, top first."""
    count = len(chain.runs)
    if config is None:
        return [SamplingConfig.from_values(read(run_dir)[0]) for run_dir in chain.run_dirs]
    if isinstance(config, SamplingConfig):
        return [config] * count
    if len(config) != count:
        raise ValueError(f"configs for {len(config)} levels, of a chain of {count}.")
    return list(config)


def require_prior(chain: Chain, geometry: Sequence[CodeGeometry | None]) -> None:
    """Raises UserError if the top of the chain is not a prior."""
    if geometry[0] is not None:
        raise UserError(
            f"{chain.runs[0].directory} is an autoencoder: put a prior above it, trained on its "
            "codes."
        )


def _bits(log_probs: np.ndarray) -> float | None:
    """Mean -log2 p(id) of the generated ids; None if there are none."""
    generated = log_probs[~np.isnan(log_probs)]
    return float(-generated.mean() / np.log(2.0)) if generated.size else None
