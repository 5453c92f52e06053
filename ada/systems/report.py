"""The page and the summary of a finished pipeline: numbers, curves, and clips to listen to."""

import json
from pathlib import Path
from typing import Any

from ada.evaluation import note_report
from ada.evaluation.comparison import EVALUATION, read_evaluation
from ada.evaluation.overlap import trained_on_before
from ada.evaluation.summary import shown
from ada.pages import page
from ada.quantizers import collapsed
from ada.runs.run import Run
from ada.systems.report_page import report_page
from ada.training.tensorboard.summaries import read_metrics
from ada.utils import log
from ada.utils.files import write_text_atomically

# Codes that cost less than this to exchange are ignored.
IGNORED_BELOW_BITS = 0.3
# Fewer than 100 of 256 codes that occur at all are too few, however evenly they do.
UNUSED_BELOW = 100 / 256


def write_report(
    root: Path, run_dirs: list[str], baseline: str | None, seconds: dict[str, float]
) -> int:
    """Writes `summary.json` and `page.html` and prints the numbers.

    Args:
      root: directory of the pipeline, with evaluation/ and samples/.
      run_dirs: of the levels, top first.
      baseline: run directory of the local model without codes, or None.
      seconds: what every stage took.

    Returns:
      0, or 1 if the codes of a level are ignored, or if they have collapsed in training.
    """
    evaluation = read_evaluation(root / "evaluation" / EVALUATION)
    without = None
    if baseline is not None:
        without = read_evaluation(root / "baseline.json")["levels"][0]["bits_per_sample"]
    summary = summarise(root, evaluation, run_dirs, without, seconds)
    write_text_atomically(str(root / "summary.json"), json.dumps(summary, indent=1) + "\n")
    rows = numbers(summary)
    message = verdict(summary)
    remarks = [*message, *few_frozen_codes(summary), *_overlap(summary["trained_on_before"])]
    runs = [*run_dirs, *([baseline] if baseline else [])]
    generated = summary["wavs"] if summary["real_time_factor"] is not None else []
    html = report_page(root, evaluation, generated, rows, remarks, runs)
    page.write_page(root / "page.html", html)
    names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    print("\n".join(f"{n:<{names}}  {value:>{values}}  {meaning}" for n, value, meaning in rows))
    print(f"Look and listen: {root / 'page.html'}")
    for line in remarks:
        log.warning(line)
    return 1 if message else 0


def summarise(
    root: Path,
    evaluation: dict[str, Any],
    run_dirs: list[str],
    without: float | None,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """The numbers of `summary.json`."""
    bottom = evaluation["levels"][-1]
    summary: dict[str, Any] = {"total_bits": evaluation.get("total_bits")}
    if bottom["conditional"]:
        summary["reconstruction_bits"] = bottom["bits_per_sample"]
    if "num_codes" in bottom:
        names = ("num_codes", "hop_length", "perplexity", "used_codes", "rolled_codes_cost_bits")
        summary |= {name: bottom[name] for name in names}
        upper = [level["bits_per_sample"] for level in evaluation["levels"][:-1]]
        summary["code_bits_per_sample"] = sum(upper)
        frozen = {Path(d).name: Run.open(d).has_frozen_codes for d in run_dirs}
        coders = [level for level in reversed(evaluation["levels"]) if "num_codes" in level]
        by_name = {Path(level["run_dir"]).name: level for level in coders}
        summary["levels"] = {
            run: {name: level[name] for name in names} | {"frozen_codes": frozen[run]}
            for run, level in by_name.items()
        }
    notes = note_report.summary_columns(evaluation)
    summary |= {name: value for name, value in notes.items() if value is not None}
    # Systems without a prior (NSynth) reconstruct.
    sampled = root / "samples" / "sample.json"
    clips = root / "evaluation" / "clips"
    wavs, factor = sorted(clips.glob("*/reconstruction_*.wav")), None
    if sampled.exists():
        sample = json.loads(sampled.read_text("utf-8"))
        wavs = [root / "samples" / name for name in sample["wavs"]]
        factor = sample["real_time_factor"]
    return summary | {
        "bits_without_codes": without,
        "steps": {Path(d).name: _last_step(d) for d in run_dirs},
        "seconds": round(sum(seconds.values()), 1),
        "stage_seconds": seconds,
        "real_time_factor": factor,
        "wavs": [str(path) for path in wavs],
        "page": str(root / "page.html"),
        "trained_on_before": trained_on_before(Run.open(run_dirs[-1])),
    }


def numbers(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Rows of (name, value, what it means) for people."""
    rows = _note_numbers(summary)
    if "num_codes" in summary:
        total, cost = summary["num_codes"], summary["rolled_codes_cost_bits"]
        rows += [
            (
                "rolled codes cost",
                "–" if cost is None else f"{cost:.3f}",
                "bits a sample that decoding with another clip's codes costs: what codes are worth",
            ),
            ("perplexity", f"{summary['perplexity']:.1f}", f"codes in equal use, of {total}"),
            ("used codes", str(summary["used_codes"]), f"of {total}, on the validation split"),
            (
                "codes",
                f"{summary['code_bits_per_sample']:.4f}",
                "bits a sample that the codes cost under the prior",
            ),
        ]
    if "reconstruction_bits" in summary:
        rows.append(
            (
                "reconstruction",
                f"{summary['reconstruction_bits']:.3f}",
                "bits a sample given what the encoder saw, the future too: no likelihood",
            )
        )
    if summary["total_bits"] is not None:
        rows.append(
            ("total", f"{summary['total_bits']:.3f}", "bits a sample: bound on the likelihood")
        )
    if summary["bits_without_codes"] is not None:
        rows.append(
            (
                "without codes",
                f"{summary['bits_without_codes']:.3f}",
                "bits a sample of the same local model, trained as long, without codes",
            )
        )
    if summary["real_time_factor"] is not None:
        factor = f"{summary['real_time_factor']:.2f}"
        rows.append(
            (
                "generation",
                factor,
                "times real time, all clips together, without loading and compiling",
            )
        )
    return [
        *rows,
        ("seconds", f"{summary['seconds']:.0f}", "for all stages"),
    ]


def verdict(summary: dict[str, Any]) -> list[str]:
    """Warnings and advice for levels whose codes are ignored or, where they were trained, have
    collapsed or are mostly unused.
    """
    found = []
    for name, level in summary.get("levels", {}).items():
        frozen, cost = level.get("frozen_codes"), level["rolled_codes_cost_bits"]
        message = None if frozen else _too_few(level)
        if message:
            found.append(
                f"{name}: {message}, {level['used_codes']} of {level['num_codes']} codes used. Try "
                "a longer CODEBOOK_WARMUP_STEPS and RESTART_EVERY=20."
            )
        elif cost is not None and cost < IGNORED_BELOW_BITS:
            fewer = "" if frozen else "fewer LOCAL_LAYERS, "
            found.append(
                f"{name}: the codes are ignored: exchanging them costs {cost:.3f} bits a step. Try "
                f"more INPUT_REPLACEMENT, {fewer}more NUM_STEPS (of a second level, LEVEL2_STEPS)."
            )
    return found


def few_frozen_codes(summary: dict[str, Any]) -> list[str]:
    """Remarks on levels whose codes were not trained, if few of them are used."""
    return [
        f"{name}: the validation split uses {level['used_codes']} of {level['num_codes']} codes, "
        f"perplexity {level['perplexity']:.1f}. The codes are those of the run that training "
        "started from and were not trained; short or uniform music uses few of them."
        for name, level in summary.get("levels", {}).items()
        if level.get("frozen_codes") and _too_few(level)
    ]


def _too_few(level: dict[str, Any]) -> str | None:
    """How few of its codes a level uses, if too few."""
    if collapsed(level["perplexity"], level["num_codes"]):
        return f"the codebook has collapsed: perplexity {level['perplexity']:.1f}"
    if level["used_codes"] < UNUSED_BELOW * level["num_codes"]:
        return f"most codes are unused: perplexity {level['perplexity']:.1f}"
    return None


def _note_numbers(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Rows of what is measured by notes; none without the transcriber."""
    meanings = {
        "note_f1": "share of notes that reconstructions keep; of 8-bit audio without codes {}",
        "notes_per_sec": "in generated clips; in real ones {}",
        "polyphony": "in generated clips; in real ones {}",
    }
    rows = []
    for name, meaning in meanings.items():
        if name in summary:
            value, error = shown(summary[name], ".2f"), shown(summary.get(f"{name}_error"), ".2f")
            other = summary.get(f"{name}_mu_law", summary.get(f"{name}_real"))
            words = (note_report.KEPT | note_report.LIKE_REAL)[name]
            rows.append((words, f"{value} ± {error}", meaning.format(shown(other, ".2f"))))
    return rows


def _overlap(names: list[str]) -> list[str]:
    if not names:
        return []
    return [
        f"The weights that training started from had been trained on {', '.join(names)} of the "
        "validation split: numbers and reconstructions do not show how well it does on new music."
    ]


def _last_step(run_dir: str) -> int:
    return max(line["step"] for line in read_metrics(run_dir))
