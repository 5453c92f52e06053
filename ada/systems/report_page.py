"""The page of a finished pipeline: what it sounds like first, then numbers and curves."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ada.evaluation import transcription
from ada.evaluation.clip_cards import clip_cards
from ada.evaluation.note_files import NOTES
from ada.evaluation.overlap import earlier_runs
from ada.pages import page
from ada.pages.charts import Curve
from ada.runs.run import Run
from ada.training.tensorboard.summaries import bits_of, read_metrics

GENERATED = "New audio that the system made up, from nothing but what it has learnt."
RECONSTRUCTED = (
    "Music of the validation split, and what the system makes of its codes alone: the more alike "
    "the two sound, the more the codes hold."
)
CARDS = "Each card has a spectrogram, and below it the notes that a transcriber hears (piano roll)."
MORE = "evaluation/page.html, beside this page, has all that was measured."


def report_page(
    root: Path,
    evaluation: dict[str, Any],
    wavs: Sequence[str],
    rows: Sequence[tuple[str, str, str]],
    remarks: Sequence[str],
    run_dirs: Sequence[str],
) -> str:
    """The page as HTML.

    Args:
      root: directory of the pipeline.
      evaluation: of its system (`ada.evaluation.comparison.evaluate_system`).
      wavs: generated clips; none of a system that has nothing to sample from.
      rows: numbers as (name, value, what it means).
      remarks: warnings, which stand above them.
      run_dirs: of the levels, top first, then of the model without codes, if there is one.
    """
    levels = evaluation["levels"]
    bottom = Run.open(levels[-1]["run_dir"])
    folder = root / "evaluation" / "clips" / evaluation["name"]
    sections = [
        *_listening(folder, wavs, bottom.info.sample_rate),
        (
            "Numbers",
            [page.warning_block(remarks), page.numbers_block(rows), page.text_block(MORE)],
        ),
        (
            "Learning",
            [
                page.curves_block(Path(d).name, _curves(d), "training step", "bits a step")
                for d in run_dirs
            ],
        ),
    ]
    usage = [
        page.usage_block(Path(level["run_dir"]).name, np.array(level["usage"]))
        for level in levels
        if "usage" in level
    ]
    if usage:
        sections.append(("Code use", usage))
    splits = bottom.spec.splits
    learnt, scored = (60 * splits[name].hours for name in ("train", "validation"))
    names = ", ".join(Path(level["run_dir"]).name for level in reversed(levels))
    started = next(iter(earlier_runs(bottom)), None)
    how = f"Started from {started}, trained on" if started else "Learnt from"
    subtitle = (
        f"{how} {learnt:.1f} minutes of audio, scored on {scored:.1f} others. "
        f"From the bottom up: {names}"
    )
    return page.page("New audio", subtitle, sections)


def _listening(folder: Path, wavs: Sequence[str], sample_rate: int) -> list[tuple[str, list[str]]]:
    """Generated clips, then originals each with its reconstructions."""
    kinds = r"(original|reconstruction\d*)_(\d+)"
    named = {path: re.fullmatch(kinds, path.stem) for path in folder.glob("*.wav")}
    found = sorted(filter(named.get, named), key=lambda path: (int(named[path][2]), path.stem))
    pairs = {path.stem: path for path in found}
    generated = {f"generated_{number}": wav for number, wav in enumerate(wavs)}
    notes = folder / NOTES
    how = CARDS if notes.exists() else f"There are no piano rolls: {transcription.HOW_TO_INSTALL}"
    sections = []
    for heading, sentence, paths in (
        ("Generated", GENERATED, generated),
        ("Originals and their reconstructions", RECONSTRUCTED, pairs),
    ):
        if paths:
            words = sentence if sections else f"{sentence} {how}"
            cards = page.clips_block(clip_cards(paths, sample_rate, notes))
            sections.append((heading, [page.text_block(words), cards]))
    return sections


def _curves(run_dir: str) -> list[Curve]:
    found = []
    for split in ("train", "validation"):
        points = [
            (line["step"], bits_of(line))
            for line in read_metrics(run_dir)
            if line["split"] == split
        ]
        if points:
            steps, bits = zip(*points, strict=True)
            found.append(Curve(split, steps, bits))
    return found
