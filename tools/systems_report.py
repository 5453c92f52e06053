"""The results of `tools.systems` as a table and as a page to look at and listen to."""

from pathlib import Path
from typing import Any, NamedTuple

import ada
from ada.evaluation import page
from ada.evaluation.report import clips_of_files
from tools import autoencoders


class Published(NamedTuple):
    """A row of the slides' table: receptive field and human ratings, as published."""

    title: str
    rf_ms: int | None = None
    fidelity: str | None = None
    musicality: str | None = None


PAPER = {
    "large_wavenet": Published("Large WaveNet", 384, "3.82 ± 0.18", "2.43 ± 0.14"),
    "very_large_wavenet": Published("Very large WaveNet", 768, "3.82 ± 0.20", "2.89 ± 0.17"),
    "thin_wavenet": Published("Thin WaveNet with large RF", 3072, "2.43 ± 0.17", "1.71 ± 0.18"),
    "hop8_vqvae": Published("hop-8 VQ-VAE + large WaveNet", 3072, "3.79 ± 0.16", "3.04 ± 0.16"),
    "hop64_vqvae": Published("hop-64 VQ-VAE + large WaveNet", 24576, "3.54 ± 0.18", "3.07 ± 0.17"),
    "vqvae_pbt_vqvae": Published(
        "VQ-VAE + PBT-VQ-VAE + large WaveNet", 24576, "3.71 ± 0.18", "4.04 ± 0.14"
    ),
    "vqvae_amae": Published("VQ-VAE + AMAE + large WaveNet", 24576, "3.93 ± 0.18", "3.46 ± 0.15"),
    "nsynth": Published("NSynth baseline: reconstruction only"),
}

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


def write_page(path: Path, results: list[dict[str, Any]], coders: list[dict[str, Any]]) -> None:
    """Writes both tables and every system's clips as one self-contained page.

    Args:
      path: of the page.
      results: rows of the systems.
      coders: rows of `tools.autoencoders`.
    """
    coded = page.table_block(autoencoders.HEADER, list(map(autoencoders.cells, coders)))
    sections = [
        ("Results", [page.table_block(HEADER, list(map(cells, results))), page.text_block(LEGEND)]),
        ("Autoencoders", [coded, page.text_block(autoencoders.LEGEND)]),
    ]
    for row in results:
        if row.get("wavs"):
            clips = clips_of_files(row["wavs"], row["sample_rate"])
            sections.append((row["system"], [clips]))
    subtitle = "Trained at a tiny scale, with the same steps and data."
    page.write_page(
        path, page.page("The systems of the table", subtitle, sections, f"ada {ada.__version__}")
    )
