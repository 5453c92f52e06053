"""MANIFEST.tsv: the rendered pieces of an output directory, one per line."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from ada.utils.files import write_bytes_atomically

NAME = "MANIFEST.tsv"


@dataclass(frozen=True)
class Row:
    """A rendered piece.

    Attributes:
      file: its audio, relative to the output.
      seconds: duration.
      notes: number of notes.
      source: name of the score's file.
      title: empty if unknown.
      licence: what the score says about copyright; empty if nothing.
    """

    file: str
    seconds: float
    notes: int
    source: str
    title: str = ""
    licence: str = ""


_COLUMNS = tuple(field.name for field in fields(Row))


def read_rows(output_dir: Path) -> dict[str, Row]:
    """Reads the rows of pieces whose audio exists, by file; a truncated last line is ignored."""
    path = output_dir / NAME
    rows = {}
    lines = path.read_text("utf-8").splitlines(keepends=True)[1:] if path.exists() else []
    for line in lines:
        cells = line.rstrip("\n").split("\t")
        if line.endswith("\n") and len(cells) == len(_COLUMNS):
            file, seconds, notes, *rest = cells
            if (output_dir / file).exists():
                rows[file] = Row(file, float(seconds), int(notes), *rest)
    return rows


def write_rows(output_dir: Path, rows: Iterable[Row]) -> None:
    """Writes all rows, sorted by file."""
    lines = ["\t".join(_COLUMNS) + "\n", *map(_line, sorted(rows, key=lambda row: row.file))]
    write_bytes_atomically(output_dir / NAME, "".join(lines).encode("utf-8", "backslashreplace"))


def append_row(output_dir: Path, row: Row) -> None:
    """Adds a row as soon as its piece is complete, so that an interrupted run loses nothing."""
    with (output_dir / NAME).open("ab") as file:
        file.write(_line(row).encode("utf-8", "backslashreplace"))


def _line(row: Row) -> str:
    cells = (f"{x:.3f}" if isinstance(x, float) else " ".join(str(x).split()) for x in astuple(row))
    return "\t".join(cells) + "\n"
