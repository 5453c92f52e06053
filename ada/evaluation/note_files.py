"""Notes of clips as a CSV file beside their WAV files."""

import csv
from collections.abc import Mapping
from pathlib import Path

from ada.evaluation.notes import Notes, notes_of
from ada.utils.csv_files import csv_text
from ada.utils.files import write_text_atomically

NOTES = "notes.csv"
_COLUMNS = ("clip", "onset_secs", "offset_secs", "pitch")


def write_notes(path: Path, clips: Mapping[str, Notes]) -> None:
    """Writes the notes of clips by name as CSV, a note a row."""
    rows = (
        [name, round(float(onset), 4), round(float(offset), 4), int(pitch)]
        for name, notes in clips.items()
        for onset, offset, pitch in zip(*notes, strict=True)
    )
    write_text_atomically(str(path), csv_text(_COLUMNS, rows))


def read_notes(path: Path) -> dict[str, Notes]:
    """Notes of clips by name, as `write_notes` wrote them; a clip without notes is not there."""
    found: dict[str, list[tuple[float, float, int]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            note = float(row["onset_secs"]), float(row["offset_secs"]), int(row["pitch"])
            found.setdefault(row["clip"], []).append(note)
    return {name: notes_of(rows) for name, rows in found.items()}
