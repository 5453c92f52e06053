"""Placing the usable files of an audio dataset into splits."""

import dataclasses
from typing import Any

from ada.data.spec import Grouped, SourceSpec
from ada.preparation.assembly import Piece, pieces_of_part, whole_source
from ada.preparation.groups import find_groups
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
) -> tuple[list[Piece], str, list[Grouped]]:
    """Decides which source goes into which split.

    Files of a group (`find_groups`) go where the first of them goes: otherwise the same sound would
    be learnt from and judged by.

    Args:
      output_dir: of the dataset, where the parts are.
      kept: what came of each usable file, by name.
      options: the fractions, and the length of a record.
      maestro: the split of each file by MAESTRO's csv, or None.

    Returns:
      The pieces of all splits; in words, how they were chosen; the groups.

    Raises:
      DatasetError: if a split would be empty.
    """
    fractions = (options.validation_fraction, options.test_fraction)
    first, groups = find_groups({name: summary.details for name, summary in kept.items()})
    if maestro is not None:
        by_name = {name: maestro[name] for name in kept}
        check_not_empty(by_name, str(options.maestro_csv))
        method = f"by MAESTRO's csv ({options.maestro_csv.rsplit('/', 1)[-1]})"
        groups = _warned_of(groups, by_name)
    else:
        if len(set(first.values())) < MIN_FILES:
            return *_split_by_time(output_dir, kept, options, first), groups
        by_first = split_by_hash(sorted(set(first.values())), *fractions)
        by_name = {name: by_first[first[name]] for name in kept}
        method = "by file (hash of its name)"
    pieces = []
    for name, summary in kept.items():
        specs = [whole_source(s, **_provenance(name, summary)) for s in summary.sources]
        pieces += pieces_of_part(by_name[name], part_path(output_dir, name), summary.sources, specs)
    return pieces, method, groups


def _warned_of(groups: list[Grouped], by_name: dict[str, str]) -> list[Grouped]:
    """The groups that a given assignment keeps together; says which it does not."""
    torn = [group for group in groups if len({by_name[name] for name in group.paths}) > 1]
    for group in torn:
        print(f"Note that the csv has {' and '.join(group.paths[:2])} ({group.why}) in two splits.")
    return [group for group in groups if group not in torn]


def _split_by_time(
    output_dir: str, kept: dict[str, PartSummary], options: AudioOptions, first: dict[str, str]
) -> tuple[list[Piece], str]:
    num_files = len(set(first.values()))
    whole = {name: _whole_pieces(output_dir, name, kept[name]) for name in sorted(kept)}
    leading = [piece for name in whole if first[name] == name for piece in whole[name]]
    spans = split_by_time(
        [len(piece.record_bytes) for piece in leading],
        options.validation_fraction,
        options.test_fraction,
    )
    gap_secs = GAP_RECORDS * options.record_steps / options.sample_rate
    method = (
        f"by time, since there {'is' if num_files == 1 else 'are'} only {num_files} different "
        f"file{'' if num_files == 1 else 's'}; {gap_secs:.2f} s between splits left out"
    )
    print(f"Splitting {method}. Validation and test will be too kind: same recording.")
    pieces = [_cut_piece(leading[s.source], s, options.record_steps) for s in spans]
    for name in whole:
        if first[name] != name:
            pieces += _cut_alike(whole[name], whole[first[name]], pieces, options.record_steps)
    return pieces, method


def _whole_pieces(output_dir: str, name: str, summary: PartSummary) -> list[Piece]:
    specs = [whole_source(s, **_provenance(name, summary)) for s in summary.sources]
    return pieces_of_part("train", part_path(output_dir, name), summary.sources, specs)


def _cut_alike(
    pieces: list[Piece], leading: list[Piece], cut: list[Piece], record_steps: int
) -> list[Piece]:
    """Cuts the pieces of a file at the times at which the first of its group was cut."""
    times = [
        (piece.split, piece.source.first_step, piece.source.first_step + piece.source.num_steps)
        for piece in cut
        if piece.part_path == leading[0].part_path
    ]
    if len(pieces) > 1 or len(leading) > 1:
        # Segments between cuts need not be at the same times.
        print(
            f"Left out {pieces[0].source.path}: it cannot be divided as {leading[0].source.path}."
        )
        return []
    found = []
    for split, start, stop in times:
        begin = -(-start // record_steps)
        count = len(pieces[0].record_bytes)
        end = count if stop == leading[0].source.num_steps else stop // record_steps
        if begin < min(end, count):
            span = Span(0, begin, min(end, count) - begin, split)
            found.append(_cut_piece(pieces[0], span, record_steps))
    return found


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
