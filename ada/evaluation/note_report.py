"""Measures of notes in words: as lines, as tables of the page, and as rows of a CSV file."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ada.evaluation.note_scores import Statistic, Statistics

KEPT = {"note_f1": "note F1", "frame_f1": "frame F1"}
LIKE_REAL = {
    "notes_per_sec": "notes per second",
    "polyphony": "notes at once",
    "sounding_share": "time with notes",
    "longest_silence_secs": "longest pause, s",
    "in_key": "in best key",
    "key_kept": "key kept",
    "key_kept_10_secs": "key kept, 10 s",
}
_CONTROLS = {
    "other_clip": "control: another clip's last third",
    "transposed_third": "control: last third transposed",
    "random_pitches": "control: random pitches",
    "murmur": "control: random phases",
    "noise": "control: white noise",
}
LEGEND = """
Notes are found by a published transcriber (basic-pitch; Bittner et al. 2022). These measures are
ours, not the paper's. After ± stands the standard error over clips.

Note F1 (higher is better, 1 at best): how many notes of the original are in the reconstruction and
the other way round, with the right pitch and an onset within 50 ms. Frame F1 (higher is better):
the same of the keys that sound at each moment. Mu-law alone is the ceiling: the original in 8 bits,
without codes. Another clip is the floor: what two originals have in common.

Of generated clips every measure should be as near to that of real audio as possible. Notes at once:
a mean over the time in which any note sounds. Time with notes: a share of the clip. Longest pause:
the longest time without a note, and in brackets that of all clips. In best key: the share of notes
in the best of 24 major and harmonic minor keys. Key kept: the share of notes of the last third of a
clip that are in the best key of its first third; over 10 s: the same of stretches of 10 s. In the
controls something is wrong on purpose: a measure that gives a control the value of real audio
cannot tell the two apart. Random pitches have the rhythm of real audio; random phases have its
spectrum, and make it a murmur of its pitches without any music.
"""


class Row(NamedTuple):
    """Statistics of one thing: its name in JSON, and in words."""

    key: str
    name: str
    values: "Statistics"


def kept(notes: dict[str, Any]) -> list[Row]:
    """Reconstructions by number of levels, then ceiling and floor; none if nothing was encoded."""
    if "reconstruction" not in notes:
        return []
    rows = []
    for values in notes["reconstruction"]:
        levels = values["levels"]
        name = f"reconstruction, {levels} level{'s' if levels > 1 else ''}"
        rows.append(Row(f"reconstruction_{levels}", name, values))
    bounds = (("mu_law", "mu-law alone (ceiling)"), ("other_clip", "another clip (floor)"))
    return rows + [Row(key, name, notes[key]) for key, name in bounds if notes[key]]


def like_real(notes: dict[str, Any]) -> list[Row]:
    """Generated clips, real ones and controls; none if nothing was generated."""
    if "generated" not in notes:
        return []
    rows = [Row("generated", "generated", notes["generated"]), Row("real", "real", notes["real"])]
    return rows + [
        Row(f"control_{key}", name, notes["controls"][key]) for key, name in _CONTROLS.items()
    ]


def lines(result: dict[str, Any]) -> list[str]:
    """Printed lines of a system: reconstructions, and generated clips beside real ones."""
    notes = result.get("notes") or {}
    found = [f"notes kept, {row.name}: {_listed(row.values, KEPT)}" for row in kept(notes)]
    generated = like_real(notes)[:2]
    found += [f"notes, {row.name}: {_listed(row.values, LIKE_REAL)}" for row in generated]
    return found


def tables(results: list[dict[str, Any]]) -> list[tuple[list[str], list[list[str]]]]:
    """Header and rows of the tables of the page; real audio and controls stand there once."""
    agreement, likeness, shared = [], [], []
    for result in results:
        notes = result.get("notes") or {}
        name = result["name"]
        agreement += [[f"{name}: {row.name}", *_cells(row, KEPT)] for row in kept(notes)]
        own, *others = like_real(notes) or [None]
        if own:
            likeness.append([name, *_cells(own, LIKE_REAL)])
            shared = shared or [[row.name, *_cells(row, LIKE_REAL)] for row in others]
    better = [f"{name} (higher is better)" for name in KEPT.values()]
    found = (
        (["notes kept", *better], agreement),
        (["as near to real as possible", *LIKE_REAL.values()], likeness + shared),
    )
    return [(header, rows) for header, rows in found if rows]


CSV_HEADER = ("system", "of", "measure", "mean", "error", "min", "max", "clips")


def csv_rows(results: list[dict[str, Any]]) -> Iterator[list[object]]:
    """A row for every statistic, in the columns of `CSV_HEADER`."""
    for result in results:
        notes = result.get("notes") or {}
        for row in [*kept(notes), *like_real(notes)]:
            for measure in [*KEPT, *LIKE_REAL]:
                found = row.values.get(measure)
                if found:
                    yield [result["name"], row.key, measure, *found.values()]


def summary_columns(result: dict[str, Any]) -> dict[str, float | None]:
    """The numbers of a system for the table of systems; of reconstructions through all levels."""
    notes = result.get("notes") or {}
    row: dict[str, float | None] = {}
    bounds = {"": (notes.get("reconstruction") or [{}])[-1], "_mu_law": notes.get("mu_law") or {}}
    for measure in KEPT:
        for suffix, values in bounds.items():
            row |= _columns(f"{measure}{suffix}", values.get(measure))
    for measure in LIKE_REAL:
        for source, suffix in (("generated", ""), ("real", "_real")):
            row |= _columns(f"{measure}{suffix}", (notes.get(source) or {}).get(measure))
    return row


def _columns(name: str, found: "Statistic | None") -> dict[str, float | None]:
    return {name: found and found["mean"], f"{name}_error": found and found["error"]}


def _cells(row: Row, names: dict[str, str]) -> list[str]:
    # A number and its error stay on one line.
    return [text.replace(" ", "\N{NO-BREAK SPACE}") for text in _texts(row.values, names)]


def _listed(values: "Statistics", names: dict[str, str]) -> str:
    found = zip(names.values(), _texts(values, names), strict=True)
    return ", ".join(f"{name} {text}" for name, text in found)


def _texts(values: "Statistics", names: dict[str, str]) -> list[str]:
    """Each statistic as text; of pauses the longest of all clips too."""
    texts = {name: shown(values.get(name)) for name in names}
    pause = values.get("longest_silence_secs")
    if pause and "longest_silence_secs" in texts:
        texts["longest_silence_secs"] += f" (at most {pause['max']:.1f})"
    return list(texts.values())


def shown(found: "Statistic | None") -> str:
    """A statistic as text: its mean, and its error if there is one; a dash if there is none."""
    if found is None:
        return "–"
    error = "" if found["error"] is None else f" ± {found['error']:.2f}"
    return f"{found['mean']:.2f}{error}"
