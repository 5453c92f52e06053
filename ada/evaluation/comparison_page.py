"""The page of `ada.evaluation.comparison`: tables, charts and players, in one file."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ada.evaluation import note_report
from ada.evaluation.clip_cards import clip_cards
from ada.evaluation.note_files import NOTES
from ada.evaluation.summary import shown, summary
from ada.pages import page

# Players of each kind and system: a second of audio at 16 kHz adds 43 kB to the page.
CLIPS_SHOWN = 2
FILES_SHOWN = 30
LISTEN = (
    "Generated: music from nothing. Original: real music. Reconstruction: the same, as the codes "
    "keep it; the more alike the two sound, the more the codes hold."
)
DIRECTIONS = (
    "↑: higher is better; ↓: lower is better. In brackets the same of real audio: the nearer to "
    "it, the better."
)
LEGEND = """
Total bits a sample, an upper bound on -log2 p(x), are what compares with a WaveNet without codes.
Reconstruction bits are given what the encoder saw, the future too: no likelihood. Codes:
perplexity, used codes, and what decoding with another clip's costs, by level from the bottom up;
what a code costs under the level above, and under counts of pairs of codes, which a prior should
beat.

Reconstructions are drawn given the codes of all levels, and compared as spectra. The Frechet
audio distance (FAD, of musicnn's embeddings, so that it compares with no other) is from the
split's audio, with its standard error over clips; real is that of as much audio of the train
split. The plain one is too high for few clips; without bias, what the jackknife estimates is taken
off, and the error counts what may be left. Of fewer than 30 clips both are rough.

Structure is our measure: 0 is noise, 0.1 a chord that is held, 1 notes without order, and
repetition counts on top: how well stretches of 2 to 8 s are found again in the same clip, above
other orders of its pieces of 1 s whose neighbours fit; of a Markov chain little. Music that repeats
nothing within a clip has little, too: read it beside real audio.

Shared codes are the longest run of codes that a clip has in common with the training data. Likeness
compares the peaks of spectra of 8 s, whatever the tempo and up to a semitone away: a near-copy has
0.8 to 1, other music of the same instrument 0.4 to 0.75. Both as near to those of held-out music as
possible. Real time: of all clips together, without loading and compiling. What has no column could
not be measured: clips too short (structure takes 16 s), no prior, or audio that is not what a model
was trained on.
"""


def write_comparison(
    path: Path,
    results: list[dict[str, Any]],
    sample_rates: Sequence[int],
    clips_dirs: Sequence[Path],
) -> None:
    """Writes the page.

    Args:
      path: of the page.
      results: of the systems (`ada.evaluation.comparison.evaluate_system`).
      sample_rates: of the systems, Hz.
      clips_dirs: where the clips of each are.
    """
    sections = []
    for result, rate, folder in zip(results, sample_rates, clips_dirs, strict=False):
        found = _clips(folder, rate)
        if found:
            words = page.text_block(LISTEN)
            sections.append((f"Listen: {result['name']}", [words, page.clips_block(found)]))
    details = page.details_block("What each number is", LEGEND)
    sections.append(("Numbers", [page.text_block(DIRECTIONS), *_tables(results), details]))
    notes = [page.table_block(*table) for table in note_report.tables(results)]
    if notes:
        details = page.details_block("What each number of notes is", note_report.LEGEND)
        sections.append(("Notes", [page.text_block(DIRECTIONS), *notes, details]))
    usage = [
        page.usage_block(f"{result['name']}: {Path(level['run_dir']).name}", level["usage"])
        for result in results
        for level in reversed(result["levels"])
        if "usage" in level
    ]
    if usage:
        sections.append(("Code use", usage))
    sections.append(("Files", [_files(results)]))
    names = ", ".join(result["name"] for result in results)
    split = results[0]["split"]
    title = "Evaluation" if len(results) == 1 else "Systems side by side"
    page.write_page(path, page.page(title, f"{names}, on the {split} split.", sections))


def _tables(results: list[dict[str, Any]]) -> list[str]:
    """The numbers in tables of few columns each; columns and tables without any are left out."""
    tables = (
        {
            "total, bits ↓": _number("total_bits"),
            "reconstruction ↓": _number("reconstruction_bits"),
            "codes ↓": _number("code_bits_per_sample"),
            "bits a second ↓": _number("bits_per_sec", ".0f"),
        },
        {
            "perplexity ↑": _text("perplexity"),
            "used ↑": _text("used_codes"),
            "rolled cost, bits ↑": _text("rolled_codes_cost_bits"),
            "bits a code ↓": _text("code_bits"),
            "by pairs": _text("code_bigram_bits"),
        },
        _SPECTRA,
        _GENERATED,
        _COPIES,
    )
    filled = (_filled(results, columns) for columns in tables)
    return [page.table_block(header, rows) for header, rows in filled if len(header) > 1]


def heard(result: dict[str, Any]) -> dict[str, str]:
    """Comparisons of reconstructed and generated clips with real ones, by column; "–" if none."""
    row = summary(result)
    return {name: cell(row) for name, cell in (_SPECTRA | _GENERATED | _COPIES).items()}


def _filled(
    results: list[dict[str, Any]], columns: dict[str, Callable[[dict[str, Any]], str]]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the columns that some system has a value for."""
    rows = [summary(result) for result in results]
    columns = {
        name: cell for name, cell in columns.items() if any(cell(row) != "–" for row in rows)
    }
    cells = [[row["system"], *(cell(row) for cell in columns.values())] for row in rows]
    return ["system", *columns], cells


def _number(name: str, form: str = ".3f") -> Callable[[dict[str, Any]], str]:
    return lambda row: shown(row.get(name), form)


def _text(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda row: shown(row.get(name))


def _beside(name: str, real: str, form: str) -> Callable[[dict[str, Any]], str]:
    """A number, with its error if it has one, and that of real audio in brackets."""

    def cell(row: dict[str, Any]) -> str:
        own, other = _number(name, form)(row), _number(real, form)(row)
        error = _number(f"{name}_error", form)(row)
        own = own if error == "–" else f"{own} ± {error}"
        return own if other == "–" else f"{own} ({other})"

    return cell


_SPECTRA = {
    "log-mel, dB ↓": _number("log_mel_db", ".2f"),
    "log magnitude ↓": _number("log_magnitude", ".2f"),
    "spectral convergence ↓": _number("spectral_convergence", ".2f"),
}
_GENERATED = {
    "clips": _number("clips", "d"),
    "FAD ↓ (real)": _beside("fad", "fad_real", ".1f"),
    "FAD without bias ↓ (real)": _beside("fad_corrected", "fad_real_corrected", ".1f"),
    "structure ↑ (real)": _beside("structure", "structure_real", ".2f"),
    "repetition ↑ (real)": _beside("repetition", "repetition_real", ".2f"),
    "pitched ↑ (real)": _beside("pitched", "pitched_real", ".2f"),
    "changing ↑ (real)": _beside("changing", "changing_real", ".2f"),
    "× real time ↑": _number("real_time_factor", ".1f"),
}
_COPIES = {
    "shared codes, s ↓ (held_out)": _beside(
        "memorised_mean_secs", "memorised_real_mean_secs", ".2f"
    ),
    "likeness to training audio ↓ (held_out)": _beside(
        "near_copies_mean", "near_copies_real_mean", ".2f"
    ),
    "the likest clip ↓ (held_out)": _beside("near_copies_max", "near_copies_real_max", ".2f"),
}


def _clips(folder: Path, sample_rate: int) -> list[page.Clip]:
    """The first clips of every kind: generated, then originals each with its reconstructions."""
    found = (re.fullmatch(r"(.+)_\d+\.wav", path.name) for path in folder.glob("*.wav"))
    kinds = {match[1] for match in found if match}
    order = sorted(kinds - {"generated", "original"})
    names = [f"generated_{n}" for n in range(CLIPS_SHOWN)]
    names += [f"{kind}_{n}" for n in range(CLIPS_SHOWN) for kind in ("original", *order)]
    paths = {name: folder / f"{name}.wav" for name in names}
    paths = {name: path for name, path in paths.items() if path.exists()}
    return clip_cards(paths, sample_rate, folder / NOTES)


def _files(results: list[dict[str, Any]]) -> str:
    """Bits a step of the bottom level by file and system; the first files of many."""
    columns = [{f["file"]: f for f in result["levels"][-1]["files"]} for result in results]
    names = list(dict.fromkeys(name for column in columns for name in column))[:FILES_SHOWN]
    rows = [
        [
            name,
            *(f"{c[name]['bits_per_step']:.3f}" if name in c else "–" for c in columns),
        ]
        for name in names
    ]
    return page.table_block(["file (the first)", *(result["name"] for result in results)], rows)
