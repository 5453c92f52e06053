"""Stage 2 of making a dataset: parts become shards and an index; `dataset.json` comes last."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ada.data.dataset import save_index
from ada.data.spec import (
    INDEX_NAME,
    SPEC_NAME,
    SPLITS,
    DatasetError,
    DatasetSpec,
    FileSpec,
    SourceSpec,
    split_spec,
)
from ada.preparation.parts import PARTS_DIR, PartSource
from ada.utils import made
from ada.utils.files import is_remote, join, read_bytes, sync, write_text_atomically
from ada.utils.jsonable import parse_json

# Small enough to copy around, large enough that MAESTRO is not thousands of files.
SHARD_BYTES = 256 * 2**20
_COPY_BYTES = 16 * 2**20
_OURS = re.compile(r"(train|validation|test)-\d{5}-of-\d{5}\.tfrecord|index\.npz")
# Temporary files of atomic writes that a kill leaves behind.
_TEMPORARY = re.compile(r"\.?(dataset\.json|\.made_by_ada)\.([0-9a-f]{32}|[0-9a-f]{8})\.tmp")


@dataclass(frozen=True)
class Piece:
    """Consecutive records of a part that become one source of one split.

    Attributes:
      split: where it goes.
      part_path: the part file.
      part_offset: byte where the records start in it.
      record_bytes: bytes of each record.
      record_start: the first step of the first record, as stored in it.
      source: what `dataset.json` will say of it.
    """

    split: str
    part_path: str
    part_offset: int
    record_bytes: tuple[int, ...]
    record_start: int
    source: SourceSpec


def pieces_of_part(
    split: str, part_path: str, part_sources: Sequence[PartSource], sources: Sequence[SourceSpec]
) -> list[Piece]:
    """All sources of a part, whole, as pieces of one split.

    Args:
      split: where they go.
      part_path: the part file.
      part_sources: what `write_part` returned.
      sources: what `dataset.json` will say of each.
    """
    pieces, offset = [], 0
    for written, source in zip(part_sources, sources, strict=True):
        pieces.append(Piece(split, part_path, offset, written.record_bytes, 0, source))
        offset += sum(written.record_bytes)
    return pieces


def assemble(
    output_dir: str,
    pieces: Sequence[Piece],
    *,
    num_shards: int | None = None,
    **spec_fields: Any,
) -> DatasetSpec:
    """Puts parts together into a complete dataset directory.

    The directory has no `dataset.json` until everything else is there, so it never looks complete
    while it is not. Output depends on the pieces only, not on their order.

    Args:
      output_dir: the dataset directory; shards of an earlier, unfinished attempt are removed.
      pieces: of all splits; a split without any makes the specification invalid.
      num_shards: shards of the train split, the others having proportionally fewer; by size
        (`SHARD_BYTES`) if None.
      **spec_fields: the fields of `DatasetSpec` other than `splits` and `index`.

    Returns:
      The specification, as written.
    """
    _clear(output_dir)
    record_steps = spec_fields["record_steps"]
    step_rate = spec_fields["sample_rate"] / spec_fields["hop_length"]
    ordered = sorted(pieces, key=lambda p: (p.source.offset, p.source.name, p.source.first_step))
    by_split = {split: [p for p in ordered if p.split == split] for split in SPLITS}
    bytes_per_shard = SHARD_BYTES
    if num_shards is not None:
        bytes_per_shard = -(-_num_bytes(by_split["train"]) // num_shards)
    splits, columns = {}, {}
    for split, members in by_split.items():
        groups = _shard_groups(members, bytes_per_shard)
        shards = [
            _write_shard(output_dir, f"{split}-{i:05d}-of-{len(groups):05d}.tfrecord", group)
            for i, group in enumerate(groups)
        ]
        columns[split] = _index_columns(groups, record_steps)
        splits[split] = split_spec(
            [p.source for p in members], shards, record_steps=record_steps, step_rate=step_rate
        )
    index = save_index(output_dir, columns, INDEX_NAME)
    spec = DatasetSpec(splits=splits, index=index, **spec_fields)
    spec.save(output_dir)
    clear_parts(output_dir)
    return spec


def claim(output_dir: str) -> None:
    """Marks a directory as that of a dataset; it is made.

    Raises:
      DatasetError: if there is something else that has the names of a dataset's files.
    """
    if is_remote(output_dir):
        tf.io.gfile.makedirs(output_dir)
        names = [name.rstrip("/") for name in tf.io.gfile.listdir(output_dir)]
    else:
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        names = [path.name for path in Path(output_dir).iterdir()]
    if made.MARKER in names:
        return
    taken = sorted(name for name in names if name == SPEC_NAME or _OURS.fullmatch(name))
    if taken and not (PARTS_DIR in names or _holds_a_dataset(output_dir)):
        raise DatasetError(
            f"{join(output_dir, taken[0])} does not belong to a dataset of ada: name another "
            "directory, or move it away."
        )
    write_text_atomically(join(output_dir, made.MARKER), '{"made_by": "a dataset"}\n')


def _holds_a_dataset(output_dir: str) -> bool:
    """Whether there is a `dataset.json` of any version."""
    try:
        found = parse_json(read_bytes(join(output_dir, SPEC_NAME)).decode())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"format_version", "kind"} <= found.keys()


def clear_parts(output_dir: str) -> None:
    """Removes the parts of a directory, if there are any."""
    parts = join(output_dir, PARTS_DIR)
    if tf.io.gfile.exists(parts):
        tf.io.gfile.rmtree(parts)


def _clear(output_dir: str) -> None:
    """Removes what an earlier run of this module wrote, `dataset.json` first; nothing else."""
    tf.io.gfile.makedirs(output_dir)
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(output_dir)]
    if SPEC_NAME in names:
        tf.io.gfile.remove(join(output_dir, SPEC_NAME))
    for name in names:
        if _OURS.fullmatch(name) or _TEMPORARY.fullmatch(name):
            tf.io.gfile.remove(join(output_dir, name))


def _num_bytes(pieces: Sequence[Piece]) -> int:
    return sum(sum(piece.record_bytes) for piece in pieces)


def _shard_groups(pieces: Sequence[Piece], bytes_per_shard: int) -> list[list[Piece]]:
    """Cuts the pieces, in order, into groups of about equal size, none of them empty."""
    total = _num_bytes(pieces)
    wanted = max(1, min(len(pieces), round(total / max(bytes_per_shard, 1))))
    groups: list[list[Piece]] = [[] for _ in range(wanted)]
    before = 0
    for piece in pieces:
        # The shard in which the middle of the piece falls.
        middle = before + sum(piece.record_bytes) / 2
        groups[min(int(middle * wanted / max(total, 1)), wanted - 1)].append(piece)
        before += sum(piece.record_bytes)
    return [group for group in groups if group]


def _write_shard(output_dir: str, name: str, pieces: Sequence[Piece]) -> FileSpec:
    with tf.io.gfile.GFile(join(output_dir, name), "wb") as shard:
        for piece in pieces:
            for block in _blocks(piece):
                shard.write(block)
    if not is_remote(output_dir):
        sync(join(output_dir, name))
    return FileSpec(name, _num_bytes(pieces))


def _blocks(piece: Piece) -> Iterator[bytes]:
    missing = sum(piece.record_bytes)
    with tf.io.gfile.GFile(piece.part_path, "rb") as part:
        part.seek(piece.part_offset)
        while missing:
            block = part.read(min(missing, _COPY_BYTES))
            if not block:
                raise OSError(f"{piece.part_path} ends too early")
            missing -= len(block)
            yield block


def _index_columns(groups: Sequence[Sequence[Piece]], record_steps: int) -> dict[str, np.ndarray]:
    columns: dict[str, list[int]] = {c: [] for c in ("shard", "offset", "source", "start", "steps")}
    number = 0
    for shard, group in enumerate(groups):
        offset = 0
        for piece in group:
            for i, size in enumerate(piece.record_bytes):
                columns["shard"].append(shard)
                columns["offset"].append(offset)
                columns["source"].append(number)
                columns["start"].append(piece.record_start + i * record_steps)
                left = piece.source.num_steps - i * record_steps
                columns["steps"].append(min(record_steps, left))
                offset += size
            number += 1
    return {name: np.array(values, np.int64) for name, values in columns.items()}


def whole_source(written: PartSource, **fields: Any) -> SourceSpec:
    """The entry in `dataset.json` for a source that is whole in one split."""
    return dataclasses.replace(
        SourceSpec(name=written.name, num_steps=written.num_steps, path=written.name),
        segment=written.segment,
        **fields,
    )
