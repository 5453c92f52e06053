"""What generated clips are like: how they sound to a tagger, how long they hold together, and
whether they are copies.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ada import log
from ada.audio import read_audio
from ada.chain import Chain
from ada.evaluation import clips as real
from ada.evaluation import tagger
from ada.evaluation.codes import all_codes
from ada.evaluation.frechet import embeddings, frechet_distance
from ada.evaluation.memorisation import longest_shared_runs
from ada.generation import Draws, Results, generate
from ada.runs import Run

# Of real sources so much is compared, from their middle.
REAL_SECS, MOST_SOURCES = 120.0, 64
# Of training codes so many are searched for copies: some gigabytes.
MOST_CODES = 20_000_000


class Clips(NamedTuple):
    """Generated clips.

    Attributes:
      audio: float32 `[clips, samples]`.
      top_ids: what the topmost level drew, int `[clips, steps]`.
      real_time_factor: seconds of audio drawn in a second, all clips together; None if not known.
    """

    audio: np.ndarray
    top_ids: np.ndarray
    real_time_factor: float | None


def generate_clips(chain: Chain, num_clips: int, secs: float, seed: int = 0) -> Clips:
    """Clips from nothing, at temperature 1."""
    made = generate(chain, num_clips, secs, Draws(seed), progress=True)
    return Clips(made.audio, made.ids[0], made.real_time_factor)


def read_clips(chain: Chain, directory: str) -> Clips:
    """Clips that `ada.sample` made of this chain.

    Raises:
      UserError: if there are none, or another chain made them.
    """
    results = Results.load(directory)
    results.require_same_runs(chain)
    rate = chain.runs[-1].info.sample_rate
    audio = np.stack([read_audio(f"{directory}/{n}", rate) for n in results.report["wavs"]])
    top = results.codes(len(chain.runs) - 1)
    return Clips(audio, top, results.report.get("real_time_factor"))


def measure(
    chain: Chain, made: Clips, split: str = "validation", data_dir: str | None = None
) -> dict[str, Any]:
    """Compares generated clips with real ones.

    Args:
      chain: that made them.
      made: two clips or more.
      split: of real audio to compare with.
      data_dir: dataset of the bottom run; its own if None.

    Returns:
      "clips", "clip_secs", "real_time_factor"; "fad", the Frechet audio distance from the split,
      and "fad_real", that of as many clips of the train split; "consistency" by feature and lag,
      and "consistency_real", of whole sources of the split (and of the train split, where it is
      one source); "memorisation" (`memorised`). None for what cannot be had, which is said.
    """
    run = chain.runs[-1]
    rate = run.info.sample_rate
    count, secs = len(made.audio), made.audio.shape[1] / rate
    result: dict[str, Any] = {
        "clips": count,
        "clip_secs": round(secs, 3),
        "real_time_factor": made.real_time_factor,
    }
    sources = _sources(run, split, data_dir)
    result |= _frechet(run, made.audio, sources, data_dir)
    result |= _consistency(run, made.audio, sources, data_dir)
    result["memorisation"] = memorised(chain, made, split)
    return result


def memorised(chain: Chain, made: Clips, split: str = "validation") -> dict[str, float] | None:
    """The longest runs of top codes that clips share with the training data, in seconds.

    Returns:
      Means and maxima over the clips: "mean_secs", "max_secs", and "real_mean_secs",
      "real_max_secs" of as many clips of the split, of the same length. Generated runs longer than
      real ones are copies. None for a model of audio, whose runs of equal samples are silence.
    """
    top = chain.runs[0]
    if top.info.kind != "codes":
        return None
    dataset = top.open_dataset()
    corpus, count = [], 0
    for codes in all_codes(dataset, "train"):
        corpus.append(codes[: MOST_CODES - count])
        count += len(corpus[-1])
        if count == MOST_CODES:
            log.warning(f"memorisation: looked for in the first {MOST_CODES:,} training codes.")
            break
    secs_a_code = top.info.hop_length / top.info.sample_rate
    num_clips, steps = made.top_ids.shape
    heard = real.spread_clips(dataset, split, num_clips, steps * secs_a_code)
    shared = longest_shared_runs([*made.top_ids, *heard], corpus) * secs_a_code
    own, other = shared[:num_clips], shared[num_clips:]
    return {
        "mean_secs": float(own.mean()),
        "max_secs": float(own.max()),
        "real_mean_secs": float(other.mean()),
        "real_max_secs": float(other.max()),
    }


def _frechet(
    run: Run, audio: np.ndarray, sources: Sequence[np.ndarray], data_dir: str | None
) -> dict[str, Any]:
    rate = run.info.sample_rate
    nothing = {"fad": None, "fad_real": None}
    secs = audio.shape[1] / rate
    if not tagger.is_installed():
        log.warning(f"no Frechet audio distance: {tagger.HOW_TO_INSTALL}")
        return nothing
    if secs < tagger.PATCH_SECS + 1.1:
        log.warning(f"no Frechet audio distance: clips of {secs:g} s are too short; 5 s will do.")
        return nothing
    heard = embeddings(sources, rate)
    other = embeddings(real.real_audio(run, "train", len(audio), secs, data_dir), rate)
    if min(len(heard), len(other)) < 2:
        log.warning("no Frechet audio distance: the real audio is too short.")
        return nothing
    return {
        "fad": frechet_distance(embeddings(audio, rate), heard),
        "fad_real": frechet_distance(other, heard),
    }


def _consistency(
    run: Run, audio: np.ndarray, sources: Sequence[np.ndarray], data_dir: str | None
) -> dict[str, Any]:
    from ada.evaluation.structure import consistency

    rate = run.info.sample_rate
    if len(sources) < 2:
        # Chance is what different pieces have in common: one alone has none to compare with.
        sources = [*sources, *_sources(run, "train", data_dir)]
    return {
        "consistency": consistency(audio, rate) if len(audio) > 1 else None,
        "consistency_real": consistency(sources, rate) if len(sources) > 1 else None,
    }


def _sources(run: Run, split: str, data_dir: str | None) -> list[np.ndarray]:
    """The middle of every source of a split, float32 `[samples]` each."""
    dataset = run.open_dataset(data_dir)
    most = round(REAL_SECS * run.info.sample_rate)
    found = []
    for source, length in list(enumerate(dataset.index(split).lengths))[:MOST_SOURCES]:
        taken = min(int(length), most)
        stored = dataset.read(split, source, (int(length) - taken) // 2, taken)
        found.append(real.ids_to_audio(run, np.asarray(run.info.to_ids()(stored))))
    return found
