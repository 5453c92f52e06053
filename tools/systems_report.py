"""The results of `tools.systems` as a table and as a page to look at and listen to."""

from pathlib import Path
from typing import Any

import ada
from ada.evaluation import page
from ada.evaluation.report import clips_of_files

HEADER = (
    "system",
    "levels",
    "RF, ms",
    "paper's RF, ms",
    "reconstruction",
    "codes",
    "total",
    "perplexity",
    "rolled codes cost",
    "x real time",
    "fidelity",
    "musicality",
)
LEGEND = (
    "Bits a sample on the validation split. Reconstruction is given codes and no likelihood; total "
    "is what compares with a WaveNet without codes. Perplexity of the codes, and what another "
    "clip's codes cost in bits a step of the level below, by level from the bottom up. Fidelity "
    "and musicality are the paper's, of its own models, rated by people from 1 to 5."
)


def cells(row: dict[str, Any]) -> list[str]:
    """A row of the table as text; what a system does not have is a dash."""

    def number(name: str, form: str = ".3f") -> str:
        value = row.get(name)
        return "–" if value is None else format(value, form)

    def by_level(name: str, form: str) -> str:
        return ", ".join(format(value, form) for value in row[name]) or "–"

    return [
        row["system"],
        str(row["levels"]),
        number("rf_ms", ".0f"),
        number("rf_ms_paper", ".0f"),
        number("reconstruction_bits"),
        number("code_bits_per_sample"),
        number("total_bits"),
        by_level("perplexity", ".0f"),
        by_level("rolled_codes_cost_bits", ".2f"),
        number("generation_realtime_factor", ".1f"),
        row.get("fidelity") or "–",
        row.get("musicality") or "–",
    ]


def markdown(results: list[dict[str, Any]]) -> str:
    """The table in Markdown."""
    lines = [HEADER, ["---"] * len(HEADER), *map(cells, results)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_page(path: Path, results: list[dict[str, Any]]) -> None:
    """Writes the table and every system's clips as one self-contained page."""
    sections = [
        ("Results", [page.table_block(HEADER, list(map(cells, results))), page.text_block(LEGEND)])
    ]
    for row in results:
        if row.get("wavs"):
            clips = clips_of_files(row["wavs"], row["sample_rate"])
            sections.append((row["system"], [clips]))
    subtitle = "Trained at a tiny scale, with the same steps and data."
    page.write_page(
        path, page.page("The systems of the table", subtitle, sections, f"ada {ada.__version__}")
    )
