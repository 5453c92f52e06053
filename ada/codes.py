"""Codes as data: a dataset encoded by a run's autoencoder becomes a dataset of codes."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from ada.data import SPLITS, Dataset, DatasetError, DatasetSpec, SourceSpec
from ada.data.assembly import assemble, pieces_of_part
from ada.data.parts import PartSummary, load_summary, part_path, save_summary, write_part
from ada.data.spec import RECORD_STEPS, codes_dtype
from ada.errors import UserError
from ada.models import AutoregressiveDiscreteAutoencoder
from ada.progress import progress_bar
from ada.runs import Run

# Ids encoded at a time, besides their context.
PIECE_STEPS = 2**17


class SourceEncoder:
    """Encodes whole sources piece by piece.

    Every piece is read with as much context as the encoder sees, so that its codes are those of
    encoding the source at once.

    Args:
      model: a built autoencoder.
      piece_steps: ids to a piece, rounded up to whole codes.
    """

    def __init__(
        self, model: AutoregressiveDiscreteAutoencoder, piece_steps: int = PIECE_STEPS
    ) -> None:
        self._hop = model.hop_length
        field = model.encoder.field
        self._past = self._whole(field.past)
        self._future = self._whole(field.future)
        self._piece_steps = self._whole(piece_steps)
        self._encode = tf.function(
            model.encode, input_signature=[tf.TensorSpec([1, None], tf.int32)], autograph=False
        )

    def _whole(self, steps: int) -> int:
        return -(-steps // self._hop) * self._hop

    def blocks(self, read: Any, num_steps: int) -> Iterator[np.ndarray]:
        """Yields the codes of a source, in order.

        Args:
          read: a function of (start, length) to int32 ids `[length]`.
          num_steps: ids of the source.
        """
        for start in range(0, num_steps, self._piece_steps):
            stop = min(start + self._piece_steps, num_steps)
            first = max(start - self._past, 0)
            ids = read(first, min(stop + self._future, num_steps) - first)
            codes = self._encode(tf.constant(ids)[tf.newaxis])[0].numpy()
            skipped = (start - first) // self._hop
            yield codes[skipped : skipped + -(-(stop - start) // self._hop)]


def extract_codes(
    run_dir: str,
    output_dir: str,
    checkpoint: str = "best",
    overwrite: bool = False,
    data_dir: str | None = None,
) -> DatasetSpec:
    """Encodes all splits of a dataset; run again after an interruption, it goes on.

    Args:
      run_dir: run directory of an autoencoder.
      output_dir: dataset directory to write.
      checkpoint: "best" or "latest".
      overwrite: replace a codes dataset that is there already, if it is of another checkpoint.
      data_dir: the dataset; the one that the run was trained on if None.

    Returns:
      The specification of the codes dataset; its `upstream` names run, checkpoint and data.

    Raises:
      UserError: if the run has no codes, or the directory holds something else.
    """
    run = Run.open(run_dir)
    dataset = run.open_dataset(data_dir)
    upstream = run.identity(checkpoint) | {"data_dir": dataset.directory}
    if Dataset.is_complete(output_dir):
        spec = DatasetSpec.load(output_dir)
        if spec.upstream.get("digest") == upstream["digest"]:
            return spec
        if spec.kind != "codes" or not overwrite:
            raise DatasetError(
                f"{output_dir} holds {spec.kind} of checkpoint {spec.upstream.get('digest')}, "
                f"{run_dir} is now at {upstream['digest']}: --overwrite replaces codes, or name "
                "another directory."
            )
    model = run.load_model(checkpoint)
    if not model.num_codes:
        raise UserError(f"{run_dir} is no autoencoder with codes.")
    encoder, to_ids = SourceEncoder(model), run.info.to_ids()
    spec = dataset.spec
    work = [(split, i) for split in SPLITS for i in range(len(dataset.sources(split)))]
    pieces = []
    for split, number in progress_bar(work, desc="encoding", unit="source"):
        source = dataset.sources(split)[number]

        def read(start: int, length: int, split: str = split, number: int = number) -> np.ndarray:
            return to_ids(tf.constant(dataset.read(split, number, start, length))).numpy()

        path = part_path(output_dir, f"{split}/{source.name}")
        fingerprint = {"digest": upstream["digest"], "sha256": source.sha256}
        summary = load_summary(path, fingerprint)
        if summary is None:
            blocks = ((0, codes) for codes in encoder.blocks(read, source.num_steps))
            written = write_part(
                path,
                source.name,
                blocks,
                record_steps=RECORD_STEPS["codes"],
                dtype=codes_dtype(model.num_codes),
            )
            summary = PartSummary(written, fingerprint)
            save_summary(path, summary)
        encoded = [_encoded(source, s.num_steps, model.hop_length) for s in summary.sources]
        pieces += pieces_of_part(split, path, summary.sources, encoded)
    return assemble(
        output_dir,
        pieces,
        kind="codes",
        sample_rate=spec.sample_rate,
        hop_length=spec.hop_length * model.hop_length,
        num_classes=model.num_codes,
        dtype=codes_dtype(model.num_codes),
        record_steps=RECORD_STEPS["codes"],
        split_method=spec.split_method,
        dropped=spec.dropped,
        cut=spec.cut,
        upstream=upstream,
    )


def _encoded(source: SourceSpec, num_steps: int, hop: int) -> SourceSpec:
    return dataclasses.replace(source, num_steps=num_steps, first_step=source.first_step // hop)
