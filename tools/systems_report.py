"""The results of `tools.systems` as a table and as a page to look at and listen to."""

import json
from pathlib import Path
from typing import Any

from ada.evaluation.clip_cards import clip_cards
from ada.evaluation.comparison import EVALUATION, read_evaluation
from ada.evaluation.comparison_page import CLIPS_SHOWN, heard, write_comparison
from ada.pages import page
from ada.preparation.bundled import SAMPLE_RATE
from ada.runs.run import Run
from ada.utils.files import write_text_atomically
from tools import autoencoders
from tools.published import PAPER
from tools.tables import markdown

HEARD = (
    "log-mel, dB ↓",
    "FAD ↓ (real)",
    "structure ↑ (real)",
    "× real time ↑",
)
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
    *HEARD,
    "fidelity (paper)",
    "musicality (paper)",
)
LEGEND = (
    "Bits a sample on the validation split, on which the best checkpoints were chosen too. "
    "Reconstruction is given codes and no likelihood; total, a bound on -log2 p(x), is what "
    "compares with a WaveNet without codes. Perplexity of the codes, and what another clip's codes "
    "cost in bits a step of the level below, by level from the bottom up. Log-mel: distance of "
    "reconstructions, drawn given the codes of all levels, from originals. FAD: Frechet audio "
    "distance of generated from real audio, and that of as much other real audio. Structure: 0 is "
    "noise, 0.1 a chord that is held, 1 notes without order, more is repetition in order, with "
    "standard errors, and the same of real audio. ↑: higher is better, ↓: lower. Real time: of all "
    "clips together, without loading and compiling. Receptive field, fidelity and musicality "
    "marked as the paper's are of its own models, rated by people from 1 to 5. Rows without "
    "measures are autoencoders alone."
)


def cells(row: dict[str, Any]) -> list[str]:
    """A row of the table as text; what a system does not have is a dash."""

    def number(name: str, form: str = ".3f") -> str:
        value = row[name]
        return "–" if value is None else format(value, form)

    def by_level(name: str, form: str) -> str:
        values = ("–" if value is None else format(value, form) for value in row[name])
        return ", ".join(values) or "–"

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
        *(row["heard"].get(name, "–") for name in HEARD),
        row["fidelity_paper"] or "–",
        row["musicality_paper"] or "–",
    ]


def system_row(name: str, root: Path, evaluation: dict[str, Any]) -> dict[str, Any]:
    """One object of `results.json`, from what the pipeline left in `root / name`."""
    summary = json.loads((root / name / "summary.json").read_text("utf-8"))
    published, levels = PAPER[name], evaluation["levels"]
    # The field is that of a prior, or of a WaveNet over audio; a local model's is not a system's.
    rf_ms = None if levels[0]["conditional"] else _rf_ms(Run.open(levels[0]["run_dir"]))
    return {
        "system": published.title,
        "name": name,
        "levels": len(levels),
        "rf_ms": rf_ms,
        "rf_ms_paper": published.rf_ms,
        **_code_numbers(levels),
        "total_bits": evaluation.get("total_bits"),
        "generation_realtime_factor": summary["real_time_factor"],
        "heard": heard(evaluation),
        "wavs": summary["wavs"],
        "fidelity_paper": published.fidelity,
        "musicality_paper": published.musicality,
    }


def plain_row(title: str, name: str, level: dict[str, Any]) -> dict[str, Any]:
    """One object of `results.json`, of an autoencoder alone: its entry in "levels"."""
    return {
        "system": title,
        "name": name,
        "levels": 1,
        "rf_ms": None,
        "rf_ms_paper": None,
        **_code_numbers([level]),
        "total_bits": None,
        "generation_realtime_factor": None,
        "heard": {},
        "wavs": [],
        "fidelity_paper": None,
        "musicality_paper": None,
    }


def _rf_ms(run: Run) -> float:
    return run.info.milliseconds(run.configured_model().receptive_field)


def _code_numbers(levels: list[dict[str, Any]]) -> dict[str, Any]:
    """What "levels" of an evaluation, top first, say of codes; lists are from the bottom up."""
    bottom, upper = levels[-1], levels[:-1]
    coded = [level for level in reversed(levels) if "num_codes" in level]
    of_audio = bottom["conditional"] and bottom["kind"] == "audio"
    return {
        "reconstruction_bits": bottom["bits_per_sample"] if of_audio else None,
        "code_bits_per_sample": sum(u["bits_per_sample"] for u in upper) if upper else None,
        "perplexity": [level["perplexity"] for level in coded],
        "used_codes": [level["used_codes"] for level in coded],
        "rolled_codes_cost_bits": [level["rolled_codes_cost_bits"] for level in coded],
    }


def write(root: Path, results: list[dict[str, Any]], coders: list[dict[str, Any]]) -> None:
    """Writes results.json, autoencoders.json, both tables in results.md, and page.html.

    Args:
      root: where to.
      results: rows of the systems.
      coders: rows of `tools.autoencoders`.
    """
    for file, rows in (("results.json", results), ("autoencoders.json", coders)):
        write_text_atomically(str(root / file), json.dumps(rows, indent=1) + "\n")
    tables = (
        (HEADER, list(map(cells, results)), LEGEND),
        (autoencoders.HEADER, list(map(autoencoders.cells, coders)), autoencoders.LEGEND),
    )
    parts = [f"{markdown(header, rows)}\n{legend}\n" for header, rows, legend in tables]
    write_text_atomically(str(root / "results.md"), "\n".join(parts))
    sections = [
        (heading, [page.table_block(header, rows), page.text_block(legend)])
        for heading, (header, rows, legend) in zip(("Results", "Autoencoders"), tables, strict=True)
    ]
    sections += [
        (row["system"], [page.clips_block(_cards(row["wavs"][:CLIPS_SHOWN]))])
        for row in results
        if row["wavs"]
    ]
    html = page.page(
        "The systems of the table",
        "Trained, sampled and evaluated on the same audio.",
        sections,
    )
    page.write_page(root / "page.html", html)


def _cards(wavs: list[str]) -> list[page.Clip]:
    return clip_cards({Path(wav).stem: wav for wav in wavs}, SAMPLE_RATE)


def write_side_by_side(root: Path, names: list[str]) -> None:
    """Writes evaluation.html, all that was measured of the systems of these names."""
    results, clips = [], []
    for name in names:
        folder = root / name / "evaluation"
        result = read_evaluation(folder / EVALUATION)
        clips.append(folder / "clips" / result["name"])
        results.append(result | {"name": name})
    write_comparison(root / "evaluation.html", results, [SAMPLE_RATE] * len(names), clips)
