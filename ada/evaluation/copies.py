"""Whether generated clips are copies of the training data: of its codes, and by ear."""

from collections.abc import Iterator

import numpy as np

from ada.data import Dataset
from ada.evaluation import clips as real
from ada.evaluation.chain import audio_digest
from ada.evaluation.codes import all_codes
from ada.evaluation.memorisation import longest_shared_runs
from ada.runs.chain import Chain
from ada.runs.run import Run
from ada.utils import log
from ada.utils.errors import UserError

# Training codes that are searched for copies, at most: some gigabytes.
MOST_CODES = 20_000_000
# Hours of training audio that are searched for near-copies, at most: a minute or two on one core.
MOST_HOURS = 20.0
_PIECE_SECS = 600.0


def memorised(
    chain: Chain, top_ids: np.ndarray, split: str = "validation", data_dir: str | None = None
) -> dict[str, float] | None:
    """The longest runs of top codes that clips share with the training data, in seconds.

    Training data at several offsets are searched at all of them: a clip may copy any.

    Args:
      chain: that made them.
      top_ids: what the topmost level drew, int `[clips, steps]`.
      split: of the held-out audio that they are compared with.
      data_dir: another dataset of codes than the top run's own.

    Returns:
      Means and maxima over the clips: "mean_secs", "max_secs", and "real_mean_secs",
      "real_max_secs" of at most as many clips of the split, of the same length. Generated runs much
      longer than real ones are copies, or silence: any two silences share their codes. None for a
      model of audio, whose runs of equal samples are silence, and where the training data or
      held-out audio are not at hand.
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
    held_out = min(num_clips, real.fitting(dataset, split, steps * secs_a_code))
    if split == "train" or not held_out:
        log.warning("memorisation is not measured: there is no held-out audio to compare with.")
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
    heard = real.spread_clips(dataset, split, held_out, steps * secs_a_code)
    shared = longest_shared_runs([*top_ids, *heard], corpus) * secs_a_code
    found = _means_and_maxima(shared[:num_clips], shared[num_clips:])
    return {f"{name}_secs": value for name, value in found.items()}


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


def near_copies(
    run: Run, audio: np.ndarray, split: str, dataset: Dataset
) -> dict[str, float] | None:
    """How like the nearest 8 s of the training audio clips are (`ada.evaluation.near_copies`).

    Args:
      run: that made the audio.
      audio: clips, float32 `[clips, samples]`.
      split: of the held-out audio that they are compared with.
      dataset: audio.

    Returns:
      Means and maxima over the clips: "mean", "max", and "real_mean", "real_max" of at most as many
      clips of the split, of the same length. Values near 1 are copies; as near to those of held-out
      audio as possible is best. None, which is said, where the training data or held-out audio are
      not at hand, or clips are shorter than 8 s.
    """
    from ada.evaluation.near_copies import STRETCH_SECS, nearest

    rate, secs = run.info.sample_rate, audio.shape[1] / run.info.sample_rate
    held_out = min(len(audio), real.fitting(dataset, split, secs))
    if audio_digest(dataset.spec, "train") != audio_digest(run.spec, "train"):
        reason = f"{dataset.directory} is not what {run.directory} was trained on"
    elif split == "train" or not held_out:
        reason = "there is no held-out audio to compare with"
    elif secs < STRETCH_SECS:
        reason = f"it takes clips of {STRETCH_SECS:g} s or more"
    else:
        other = real.stored_to_audio(run, real.spread_clips(dataset, split, held_out, secs))
        found = nearest([*audio, *other], _training_audio(run, dataset), rate)
        return _means_and_maxima(found[: len(audio)], found[len(audio) :])
    log.warning(f"near-copies are not looked for: {reason}.")
    return None


def _means_and_maxima(own: np.ndarray, real: np.ndarray) -> dict[str, float]:
    found = {"": own, "real_": real}
    means = {f"{prefix}mean": float(values.mean()) for prefix, values in found.items()}
    return means | {f"{prefix}max": float(values.max()) for prefix, values in found.items()}


def _training_audio(run: Run, dataset: Dataset) -> Iterator[np.ndarray]:
    """The train split in pieces of ten minutes at most, float32 `[samples]`."""
    rate = run.info.sample_rate
    size, left = round(_PIECE_SECS * rate), round(MOST_HOURS * 3600 * rate)
    for source, length in enumerate(dataset.index("train").lengths):
        # Pieces overlap by 10 s, so that a copy of 8 s is whole in one.
        for start in range(0, int(length), size - 10 * rate):
            if left <= 0:
                log.warning(f"near-copies: looked for in the first {MOST_HOURS:g} hours.")
                return
            stored = dataset.read("train", source, start, min(size, int(length) - start))
            left -= len(stored)
            yield real.stored_to_audio(run, stored)
