"""Reconstructions from what the modulator may be given: codes, or queries without quantisation."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from ada.generation import SamplingConfig
    from ada.models import AutoregressiveDiscreteAutoencoder
    from ada.runs.run import Run

CODES, MEANS, QUERIES = "codes", "mean query of each group", "query of each step"
CEILING = "8-bit audio itself"


class Row(NamedTuple):
    """What reconstructions from one kind of conditioning keep.

    Attributes:
      name: of the kind.
      note_f1: of each clip; None where neither version has notes.
      frame_f1: of each clip.
      explained: share of the auxiliary target's variance that is read from the conditioning, over
        all clips; None without an auxiliary loss.
    """

    name: str
    note_f1: list[float | None]
    frame_f1: list[float | None]
    explained: float | None = None


def measure(
    run: "Run",
    model: "AutoregressiveDiscreteAutoencoder",
    stored: "np.ndarray",
    draws: "SamplingConfig",
) -> list[Row]:
    """Rows of all kinds of conditioning, and of the ids alone, the ceiling.

    Args:
      run: of the model.
      model: a VQ-VAE of audio.
      stored: clips as a dataset stores them, `[clips, steps]`.
      draws: how the local model is sampled.
    """
    import numpy as np

    from ada.audio import from_pcm16
    from ada.evaluation.note_agreement import f1_of_frames, f1_of_notes
    from ada.evaluation.transcription import Transcription, transcribe

    def heard(clips: np.ndarray) -> list[Transcription]:
        return [transcribe(np.asarray(clip), run.info.sample_rate) for clip in clips]

    reference = heard(from_pcm16(stored))

    def row(name: str, made: np.ndarray, share: float | None = None) -> Row:
        pairs = list(zip(reference, heard(run.info.ids_to_audio(made)), strict=True))
        notes = [f1_of_notes(one.notes, other.notes) for one, other in pairs]
        return Row(name, notes, [f1_of_frames(*pair) for pair in pairs], share)

    ids = np.asarray(run.info.to_ids()(stored))
    decode = decoder(model, draws, len(ids))
    rows = [
        row(name, decode(vectors, ids.shape[1], name), explained(model, vectors, ids))
        for name, vectors in conditionings(model, ids).items()
    ]
    return [*rows, row(CEILING, ids)]


def check(model: "AutoregressiveDiscreteAutoencoder", kind: str) -> None:
    """Raises UserError for a model that has no queries to decode without their quantiser."""
    from ada.quantizers import VectorQuantizer
    from ada.utils.errors import UserError

    if kind != "audio" or not isinstance(model.quantizer, VectorQuantizer):
        raise UserError("--run_dir: name a VQ-VAE of audio, such as hop64_vqvae.")


def conditionings(
    model: "AutoregressiveDiscreteAutoencoder", ids: "np.ndarray"
) -> "dict[str, np.ndarray]":
    """What the modulator may be given for ids `[clips, steps]`, by name: `[clips, codes, dim]`.

    Means are only there where codes of a group stand for one vector together.
    """
    import numpy as np

    quantizer, found = model.quantizer, {CODES: [], MEANS: [], QUERIES: []}
    for row in ids:
        queries = model.queries(row[np.newaxis])
        found[CODES].append(quantizer.codes_to_quantized(quantizer(queries).codes))
        means = quantizer.group_means(queries)
        found[MEANS].append(means)
        found[QUERIES].append(queries if quantizer.group_length > 1 else means)
    if quantizer.group_length == 1:
        del found[MEANS]
    return {name: np.concatenate(rows) for name, rows in found.items()}


def decoder(
    model: "AutoregressiveDiscreteAutoencoder", draws: "SamplingConfig", num_clips: int
) -> "Callable[[np.ndarray, int, str], np.ndarray]":
    """A function that samples ids `[clips, steps]` from what the modulator is given.

    It takes vectors `[clips, codes, dim]`, the number of steps and a name for its progress bar;
    every call uses the same random numbers.
    """
    from ada.generation import Level, generate_level
    from ada.generation.backends import default_batch_size
    from ada.models import AutoregressiveDiscreteAutoencoder
    from ada.quantizers import IdentityQuantizer

    # The same layers in an autoencoder without codes, which is sampled from vectors.
    without_codes = AutoregressiveDiscreteAutoencoder(
        model.encoder,
        IdentityQuantizer(model.quantizer.query_dim),
        model.modulator,
        model.local_model,
    )
    level = Level(without_codes, draws, batch_size=default_batch_size("auto", num_clips))

    def decode(vectors: "np.ndarray", num_steps: int, name: str) -> "np.ndarray":
        return generate_level(level, len(vectors), num_steps, codes=vectors, desc=name)[0]

    return decode


def explained(
    model: "AutoregressiveDiscreteAutoencoder", vectors: "np.ndarray", ids: "np.ndarray"
) -> float | None:
    """Share of the auxiliary target that is read from what the modulator is given, over all clips;
    whole hops count.
    """
    import numpy as np

    from ada.models.losses import explained_share
    from ada.quantizers import equal_weights

    if model.auxiliary is None:
        return None
    moments, codes = [], ids.shape[1] // model.hop_length
    for vector, row in zip(vectors, ids, strict=True):
        features = model.modulator.features(vector[np.newaxis])[:, :codes]
        audio = model.amplitudes(row[np.newaxis, : codes * model.hop_length])
        output = model.auxiliary(features, audio, equal_weights(features[..., 0]))
        moments.append(output.metrics["auxiliary_moments"].numpy())
    return explained_share(np.mean(moments, axis=0))
