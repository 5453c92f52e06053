"""Measures of generated clips: distance in the features of a tagger, structure, and copies."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ada.data import Dataset
from ada.evaluation import clips as real
from ada.evaluation import tagger
from ada.evaluation.copies import memorised, near_copies
from ada.evaluation.frechet import FEW_CLIPS, distance_and_error, embeddings
from ada.evaluation.summary import FAD_SUFFIXES
from ada.generation import Results, SamplingConfig, generate
from ada.runs.chain import Chain
from ada.runs.run import Run
from ada.utils import log
from ada.utils.errors import UserError

# Real audio that is compared: seconds from the middle of each source, and sources.
REAL_SECS, MOST_SOURCES = 120.0, 64


class Clips(NamedTuple):
    """Generated clips.

    Attributes:
      audio: float32 `[clips, samples]`.
      top_ids: what the topmost level drew, int `[clips, steps]`.
      real_time_factor: seconds of audio drawn in a second, all clips together; None if not known.
      draws: how each level was drawn, top first (`SamplingConfig` as JSON).
    """

    audio: np.ndarray
    top_ids: np.ndarray
    real_time_factor: float | None
    draws: list[dict[str, Any]] | None = None


def generate_clips(
    chain: Chain, num_clips: int, secs: float, draws: Sequence[SamplingConfig]
) -> Clips:
    """Clips from nothing; `draws` is how every level is sampled, top first."""
    made = generate(chain, num_clips, secs, draws, progress=True)
    how = [level._asdict() for level in draws]
    return Clips(made.audio, made.ids[0], made.real_time_factor, how)


def read_clips(chain: Chain, directory: str) -> Clips:
    """Clips that `ada.sample` made of this chain, from nothing.

    Raises:
      UserError: if there are none, they begin with a prompt, or another chain made them.
    """
    results = Results.load(directory)
    results.require_same_runs(chain)
    mode = results.report.get("mode")
    if mode != "ancestral":
        raise UserError(
            f"{directory} was sampled with --mode={mode}: its clips hold audio that was not drawn. "
            "Give clips made from nothing."
        )
    # Not of the files, which may be faded, normalized and compressed.
    audio = chain.runs[-1].info.ids_to_audio(results.codes(0))
    top = results.codes(len(chain.runs) - 1)
    factor, draws = results.report.get("real_time_factor"), results.report.get("draws")
    return Clips(np.asarray(audio), top, factor, draws)


def measure(
    chain: Chain, made: Clips, split: str = "validation", data_dirs: Sequence[str] | None = None
) -> dict[str, Any]:
    """Compares generated clips with real ones of the same length.

    Args:
      chain: that made them.
      made: the clips; they are cut where no real source is as long, which is said.
      split: of real audio to compare with.
      data_dirs: other datasets than the runs' own, top first.

    Returns:
      "clips", "clip_secs", "real_time_factor", "draws"; "compared_secs", the length of what
      is compared; "fad", the plain Frechet audio distance from the split, "fad_error" and
      "fad_corrected" (`distance_and_error`), and "fad_real" and so on, those of as many clips of
      the train split; "structure" (`ada.evaluation.structure`), and "structure_real", of the
      sources of the split (and of the train split, where it is one source); "memorisation"
      (`memorised`); "near_copies" (`near_copies`). None for what cannot be had, which is said.
    """
    run = chain.runs[-1]
    dataset = run.open_dataset(data_dirs[-1] if data_dirs else None)
    rate = run.info.sample_rate
    splits = [split] if split == "train" else [split, "train"]
    longest = min(int(max(dataset.index(name).lengths)) for name in splits)
    samples = min(made.audio.shape[1], longest)
    if samples < made.audio.shape[1]:
        log.warning(f"no real audio is longer than {samples / rate:g} s: clips are cut to that.")
    audio, secs = made.audio[:, :samples], samples / rate
    sources = _sources(run, dataset, split)
    result: dict[str, Any] = {
        "clips": len(audio),
        "clip_secs": round(made.audio.shape[1] / rate, 3),
        "compared_secs": round(secs, 3),
        "real_time_factor": made.real_time_factor,
        "draws": made.draws,
    }
    result |= _frechet(run, audio, sources, dataset, split)
    result |= _structure(run, audio, sources, dataset)
    steps = -(-samples // chain.runs[0].info.hop_length)
    top_ids = made.top_ids[:, :steps]
    codes_dir = data_dirs[0] if data_dirs else None
    result["memorisation"] = memorised(chain, top_ids, split, codes_dir)
    result["near_copies"] = near_copies(run, audio, split, dataset)
    return result


def _frechet(
    run: Run, audio: np.ndarray, sources: Sequence[np.ndarray], dataset: Dataset, split: str
) -> dict[str, Any]:
    rate = run.info.sample_rate
    names = dict(zip(("mean", "error", "corrected", "corrected_error"), FAD_SUFFIXES, strict=True))
    nothing = {f"{of}{suffix}": None for of in ("fad", "fad_real") for suffix in names.values()}

    def named(of: str, distance: dict[str, float | None]) -> dict[str, float | None]:
        return {f"{of}{suffix}": distance[name] for name, suffix in names.items()}

    secs = audio.shape[1] / rate
    if not tagger.is_installed():
        log.warning(f"no Frechet audio distance: {tagger.HOW_TO_INSTALL}")
        return nothing
    made = embeddings(audio, rate)
    enough = sum(map(len, made)) > 1
    heard = embeddings(sources, rate) if enough else []
    if sum(map(len, heard)) < 2:
        log.warning(f"no Frechet audio distance: of {secs:g} s; 5 s will do, real and generated.")
        return nothing
    if len(audio) < FEW_CLIPS:
        log.warning(
            f"the Frechet audio distance of {len(audio)} clips is rough: --num_samples={FEW_CLIPS} "
            "or more make it reliable."
        )
    # Of few patches the plain distance is too high: both are of as many.
    count = 0 if split == "train" else min(len(audio), real.fitting(dataset, "train", secs))
    found = nothing | named("fad", distance_and_error(made[:count] if count else made, heard))
    if not count:
        return found
    stored = real.spread_clips(dataset, "train", count, secs)
    other = embeddings(real.stored_to_audio(run, stored), rate)
    return found | named("fad_real", distance_and_error(other, heard))


def _structure(
    run: Run, audio: np.ndarray, sources: Sequence[np.ndarray], dataset: Dataset
) -> dict[str, Any]:
    from ada.evaluation.structure import SHORTEST_SECS, structure

    rate, size = run.info.sample_rate, audio.shape[1]
    if size < SHORTEST_SECS * rate:
        log.warning(f"structure is not measured: it takes clips of {SHORTEST_SECS:g} s or more.")
        return {"structure": None, "structure_real": None}
    if len(sources) < 2:
        sources = [*sources, *_sources(run, dataset, "train")]
    clips = [
        source[start : start + size]
        for source in sources
        for start in range(0, len(source) - size + 1, size)
    ]
    return {"structure": structure(audio, rate), "structure_real": structure(clips, rate)}


def _sources(run: Run, dataset: Dataset, split: str) -> list[np.ndarray]:
    """The middles of sources spread over a split, float32 `[samples]` each."""
    most = round(REAL_SECS * run.info.sample_rate)
    lengths = dataset.index(split).lengths
    chosen = np.unique(np.linspace(0, len(lengths) - 1, MOST_SOURCES).round().astype(int))
    found = []
    for source in chosen:
        length = int(lengths[source])
        taken = min(length, most)
        stored = dataset.read(split, int(source), (length - taken) // 2, taken)
        found.append(real.stored_to_audio(run, stored))
    return found
