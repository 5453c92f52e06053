"""The page of a fine-tuning: new clips, songs before and after, and what it means."""

import re
import shlex
from pathlib import Path

from ada.audio import read_audio
from ada.data import Dataset
from ada.evaluation import transcription
from ada.evaluation.clip_cards import clip_cards
from ada.evaluation.note_files import NOTES, write_notes
from ada.evaluation.note_scores import agreement
from ada.pages import page
from ada.runs.run import Run
from ada.runs.system_folder import read_system
from ada.tuning import clips, verdict
from ada.tuning.state import State
from ada.utils import log

_ORDER = ("original", "before", "after")


def write_tune_page(root: Path, state: State) -> None:
    """Writes `page.html` and prints its verdict."""
    folder, rate = root / clips.FOLDER, Run.open(read_system(root)[-1]).info.sample_rate
    songs = {p.stem: p for p in sorted(folder.glob("song*-*.wav"), key=_place)}
    new = {p.stem: p for p in sorted(folder.glob("new*.wav"))}
    f1 = _listen({**new, **songs}, rate, folder / NOTES)
    said = [
        *verdict.of_levels(state),
        *verdict.of_notes(f1),
        *verdict.of_copies(clips.read_copies(root)),
    ]
    music = verdict.of_music(Dataset.open(str(root / "data")).spec)
    sections = []
    if new:
        how = "Made up by the system, from nothing but what it has learnt."
        cards = page.clips_block(clip_cards(new, rate, folder / NOTES))
        sections.append(("New clips", [page.text_block(how), cards]))
    if songs:
        how = (
            "Your own music that it did not learn from: as it is, and what the system makes of its "
            "codes before and after training. The more alike they sound, the better."
        )
        cards = clip_cards(songs, rate, folder / NOTES)
        # A row a song.
        rows = [page.clips_block(cards[at : at + 3]) for at in range(0, len(cards), 3)]
        sections.append(("Songs before and after", [page.text_block(how), *rows]))
    minutes = round(state.spent_secs / 60)
    commands = (
        ["ada", "play", f"--runs={root.parent}"],
        ["ada", "sample", f"--run_dirs={root}", "--output_dir=out"],
        ["ada", "tune", *state.inputs, f"--run_dir={root}", f"--minutes={max(2 * minutes, 10)}"],
    )
    more = "\n".join(map(shlex.join, commands))
    sections += [
        ("What it learnt", [page.text_block("\n\n".join(said))]),
        ("Your music", [page.text_block("\n\n".join(music))]),
        ("Play it, or continue", [page.command_block(more)]),
    ]
    subtitle = f"{state.init_from}, tuned on your music for {state.spent_secs / 60:.0f} minutes."
    html = page.page("Tuned on your music", subtitle, sections)
    page.write_page(root / "page.html", html)
    for line in [*said, *music]:
        print(line)
    log.info(f"Look and listen: {root / 'page.html'}")


def _place(path: Path) -> tuple[int, int]:
    number, kind = re.fullmatch(r"song(\d+)-(\w+)", path.stem).groups()
    return int(number), _ORDER.index(kind)


def _listen(paths: dict[str, Path], rate: int, notes: Path) -> dict[str, float | None]:
    """Writes the notes of all clips; returns the mean note F1 of songs before and after.

    Without the transcriber, nothing.
    """
    if not transcription.is_installed():
        log.warning(f"notes are not measured: {transcription.HOW_TO_INSTALL}")
        return {}
    heard = {
        name: transcription.transcribe(read_audio(str(path), rate), rate)
        for name, path in paths.items()
    }
    write_notes(notes, {name: one.notes for name, one in heard.items()})
    originals = [name for name in heard if name.endswith("-original")]
    found = {}
    for when in ("before", "after"):
        others = [name.replace("-original", f"-{when}") for name in originals]
        if originals and all(name in heard for name in others):
            scores = agreement([heard[n] for n in originals], [heard[n] for n in others])
            found[when] = scores["note_f1"] and scores["note_f1"]["mean"]
    return found
