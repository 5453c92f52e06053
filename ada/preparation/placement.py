"""Placing the usable files of an audio dataset into splits."""

import dataclasses
from typing import Any

from ada.data.spec import SourceSpec
from ada.preparation.assembly import Piece, pieces_of_part, whole_source
from ada.preparation.options import AudioOptions
from ada.preparation.parts import PartSummary, part_path
from ada.preparation.splits import (
    GAP_RECORDS,
    MIN_FILES,
    Span,
    check_not_empty,
    split_by_hash,
    split_by_time,
)


def place(
    output_dir: str,
    kept: dict[str, PartSummary],
    options: AudioOptions,
    maestro: dict[str, str] | None,
) -> tuple[list[Piece], str]:
    """Decides which source goes into which split.

    Args:
      output_dir: of the dataset, where the parts are.
      kept: what came of each usable file, by name.
      options: the fractions, and the length of a record.
      maestro: the split of each file by MAESTRO's csv, or None.

    Returns:
      The pieces of all splits and, in words, how they were chosen.

    Raises:
      DatasetError: if a split would be empty.
    """
    fractions = (options.validation_fraction, options.test_fraction)
    if maestro is not None:
        by_name = {name: maestro[name] for name in kept}
        check_not_empty(by_name, str(options.maestro_csv))
        method = f"by MAESTRO's csv ({options.maestro_csv.rsplit('/', 1)[-1]})"
    else:
        # Copies of a file go where the first of them goes, or they would leak between splits.
        first: dict[str, str] = {}
        for name in sorted(kept):
            first.setdefault(kept[name].details["sha256"], name)
        if len(first) < MIN_FILES:
            return _split_by_time(output_dir, kept, options, len(first))
        by_first = split_by_hash(list(first.values()), *fractions)
        by_name = {name: by_first[first[kept[name].details["sha256"]]] for name in kept}
        method = "by file (hash of its name)"
    pieces = []
    for name, summary in kept.items():
        specs = [whole_source(s, **_provenance(name, summary)) for s in summary.sources]
        pieces += pieces_of_part(by_name[name], part_path(output_dir, name), summary.sources, specs)
    return pieces, method


def _split_by_time(
    output_dir: str, kept: dict[str, PartSummary], options: AudioOptions, num_files: int
) -> tuple[list[Piece], str]:
    whole = []
    for name in sorted(kept):
        specs = [whole_source(s, **_provenance(name, kept[name])) for s in kept[name].sources]
        whole += pieces_of_part("train", part_path(output_dir, name), kept[name].sources, specs)
    spans = split_by_time(
        [len(piece.record_bytes) for piece in whole],
        options.validation_fraction,
        options.test_fraction,
    )
    gap_secs = GAP_RECORDS * options.record_steps / options.sample_rate
    method = (
        f"by time, since there {'is' if num_files == 1 else 'are'} only {num_files} different "
        f"file{'' if num_files == 1 else 's'}; {gap_secs:.2f} s between splits left out"
    )
    print(f"Splitting {method}. Validation and test will be too kind: same recording.")
    return [_cut_piece(whole[s.source], s, options.record_steps) for s in spans], method


def _cut_piece(piece: Piece, span: Span, record_steps: int) -> Piece:
    end = span.first_record + span.num_records
    first_step = span.first_record * record_steps
    source: SourceSpec = dataclasses.replace(
        piece.source,
        first_step=first_step,
        num_steps=min(end * record_steps, piece.source.num_steps) - first_step,
    )
    return Piece(
        split=span.split,
        part_path=piece.part_path,
        part_offset=piece.part_offset + sum(piece.record_bytes[: span.first_record]),
        record_bytes=piece.record_bytes[span.first_record : end],
        record_start=first_step,
        source=source,
    )


def _provenance(name: str, summary: PartSummary) -> dict[str, Any]:
    details = summary.details
    return {
        "path": name,
        "source_sample_rate": details["sample_rate"],
        "channels": details["channels"],
        "file_bytes": details["file_bytes"],
        "sha256": details["sha256"],
    }
