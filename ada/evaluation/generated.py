"""What generated clips are like: how they sound to a tagger, how long they hold together, and
whether they are copies.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ada.audio import read_audio
from ada.data import Dataset
from ada.evaluation import clips as real
from ada.evaluation import tagger
from ada.evaluation.chain import audio_digest
from ada.evaluation.codes import all_codes
from ada.evaluation.frechet import distance_and_error, embeddings
from ada.evaluation.memorisation import longest_shared_runs
from ada.generation import Results, SamplingConfig, generate
from ada.generation.results import clips_of
from ada.runs.chain import Chain
from ada.runs.run import Run
from ada.utils import log
from ada.utils.errors import UserError

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
    mode, names = results.report.get("mode"), clips_of(results.report)
    if mode != "ancestral":
        raise UserError(
            f"{directory} was sampled with --mode={mode}: its clips hold audio that was not drawn. "
            "Give clips made from nothing."
        )
    rate = chain.runs[-1].info.sample_rate
    clips = [read_audio(f"{directory}/{name}", rate) for name in names]
    if not clips or len({len(clip) for clip in clips}) > 1:
        raise UserError(f"{directory} does not hold clips of one length: sample it again.")
    top = results.codes(len(chain.runs) - 1)
    factor, draws = results.report.get("real_time_factor"), results.report.get("draws")
    return Clips(np.stack(clips), top, factor, draws)


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
      is compared; "fad", the Frechet audio distance from the split, and "fad_real", that of
      as many clips of the train split, with "fad_error" and "fad_real_error" (the jackknife
      over clips); "consistency" by feature and lag, and "consistency_real", of the sources of
      the split (and of the train split, where it is one source); "memorisation"
      (`memorised`). None for what cannot be had, which is said.
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
    result |= _consistency(run, audio, sources, dataset)
    steps = -(-samples // chain.runs[0].info.hop_length)
    top_ids = made.top_ids[:, :steps]
    codes_dir = data_dirs[0] if data_dirs else None
    return result | {"memorisation": memorised(chain, top_ids, split, codes_dir)}


def memorised(
    chain: Chain, top_ids: np.ndarray, split: str = "validation", data_dir: str | None = None
) -> dict[str, float] | None:
    """The longest runs of top codes that clips share with the training data, in seconds.

    Training data at several offsets are searched at all of them: a clip may copy any.

    Args:
      chain: that made them.
      top_ids: what the topmost level drew, int `[clips, steps]`.
      split: of the unheard audio that they are compared with.
      data_dir: another dataset of codes than the top run's own.

    Returns:
      Means and maxima over the clips: "mean_secs", "max_secs", and "real_mean_secs",
      "real_max_secs" of at most as many clips of the split, of the same length. Generated runs much
      longer than real ones are copies, or silence: any two silences share their codes. None for a
      model of audio, whose runs of equal samples are silence, and where the training data or
      unheard audio are not at hand.
    """
    top = chain.runs[0]
    if top.info.kind != "codes":
        return None
    dataset = top.open_dataset(data_dir)
    if audio_digest(dataset.spec, "train") != audio_digest(top.spec, "train"):
        log.warning(
            f"memorisation is not measured: {data_dir} is not what {top.directory} was trained on."
        )
        return None
    num_clips, steps = top_ids.shape
    secs_a_code = top.info.hop_length / top.info.sample_rate
    unheard = min(num_clips, real.fitting(dataset, split, steps * secs_a_code))
    if split == "train" or not unheard:
        log.warning("memorisation is not measured: there is no unheard audio to compare with.")
        return None
    training = _training_codes(top, dataset)
    if training is None:
        return None
    corpus, count = [], 0
    for codes in all_codes(training, "train"):
        corpus.append(codes[: MOST_CODES - count])
        count += len(corpus[-1])
        if count == MOST_CODES:
            log.warning(f"memorisation: looked for in the first {MOST_CODES:,} training codes.")
            break
    heard = real.spread_clips(dataset, split, unheard, steps * secs_a_code)
    shared = longest_shared_runs([*top_ids, *heard], corpus) * secs_a_code
    own, other = shared[:num_clips], shared[num_clips:]
    return {
        "mean_secs": float(own.mean()),
        "max_secs": float(own.max()),
        "real_mean_secs": float(other.mean()),
        "real_max_secs": float(other.max()),
    }


def _training_codes(top: Run, dataset: Dataset) -> Dataset | None:
    """The codes of a dataset's audio at all offsets that a run was trained on.

    Returns:
      The dataset itself, or the run's own; None, which is said, if that is not at hand.
    """
    if dataset.spec.splits["train"].num_offsets == top.spec.splits["train"].num_offsets:
        return dataset
    try:
        return top.open_dataset()
    except UserError as error:
        log.warning(f"memorisation is not measured: {error}")
        return None


def _frechet(
    run: Run, audio: np.ndarray, sources: Sequence[np.ndarray], dataset: Dataset, split: str
) -> dict[str, Any]:
    rate = run.info.sample_rate
    nothing = {"fad": None, "fad_error": None, "fad_real": None, "fad_real_error": None}
    secs = audio.shape[1] / rate
    if not tagger.is_installed():
        log.warning(f"no Frechet audio distance: {tagger.HOW_TO_INSTALL}")
        return nothing
    made = embeddings(audio, rate)
    enough = sum(map(len, made)) > 1
    heard = np.concatenate(embeddings(sources, rate)) if enough else []
    if len(heard) < 2:
        log.warning(f"no Frechet audio distance: of {secs:g} s; 5 s will do, real and generated.")
        return nothing
    # Of few patches the distance is biased upwards: both are of as many.
    count = 0 if split == "train" else min(len(audio), real.fitting(dataset, "train", secs))
    distance = distance_and_error(made[:count] if count else made, heard)
    found = nothing | {"fad": distance["mean"], "fad_error": distance["error"]}
    if not count:
        return found
    stored = real.spread_clips(dataset, "train", count, secs)
    other = distance_and_error(embeddings(real.stored_to_audio(run, stored), rate), heard)
    return found | {"fad_real": other["mean"], "fad_real_error": other["error"]}


def _consistency(
    run: Run, audio: np.ndarray, sources: Sequence[np.ndarray], dataset: Dataset
) -> dict[str, Any]:
    from ada.evaluation.structure import consistency

    rate, size = run.info.sample_rate, audio.shape[1]
    if len(audio) < 2:
        log.warning("no consistency: chance is measured between clips; generate two or more.")
        return {"consistency": None, "consistency_real": None}
    if len(sources) < 2:
        # Chance is what different pieces have in common: one alone has none to compare with.
        sources = [*sources, *_sources(run, dataset, "train")]
    clips = [
        (piece, source[start : start + size])
        for piece, source in enumerate(sources)
        for start in range(0, len(source) - size + 1, size)
    ]
    pieces = [piece for piece, _ in clips]
    several = len(set(pieces)) > 1
    if not several:
        log.warning(f"no consistency of real audio: fewer than two are {size / rate:g} s long.")
    return {
        "consistency": consistency(audio, rate),
        "consistency_real": consistency([c for _, c in clips], rate, pieces) if several else None,
    }


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
