"""The results of a fine-tuning, in plain words."""

from collections.abc import Mapping
from typing import Any

from ada.data import DatasetSpec
from ada.preparation.inputs import BY_NAME
from ada.tuning.state import LevelState, State

# Bits a step: less is nothing that one hears.
_SEEN, _MUCH = 0.005, 0.05
# Minutes of music to learn from: below, a model learns a sound at most.
_LITTLE, _SOME = 5.0, 30.0
# A clip may be a copy if it shares longer stretches of codes with the training music than held-out
# music does, by this factor, or if it is more similar to its nearest training music, by this much.
_LONGER, _LIKER = 2.0, 0.1


def of_levels(state: State) -> list[str]:
    """A sentence on each level: whether training made it better on music that it had not heard."""
    if not state.rounds:
        return []
    first, last = state.rounds[0].levels, state.rounds[-1].levels
    return [_of_level(name, first[name], last[name], name == next(iter(first))) for name in last]


def _of_level(name: str, first: LevelState, last: LevelState, is_top: bool) -> str:
    what = f"The order of notes ({name})" if is_top and "prior" in name else f"The sound ({name})"
    if first.speed is None:
        return f"{what} was not trained: there was no time."
    before = first.speed.bits
    after = last.bits if last.improved else (last.speed or first.speed).bits
    change = f"from {before:.3f} to {after:.3f} bits a step on music that it did not learn from"
    if before - after >= _MUCH:
        return f"{what} learnt from your music: {change} (lower is better)."
    if before - after >= _SEEN:
        return f"{what} learnt a little: {change} (lower is better)."
    if not last.num_steps:
        return f"{what} stayed as it was: there was no time to train it."
    return (
        f"{what} stayed as it was ({before:.3f} bits a step): training did not make it better on "
        "music that it did not learn from."
    )


def of_music(spec: DatasetSpec) -> list[str]:
    """Sentences on the amount of music, and on files that were left out."""
    learnt, checked = (60 * spec.splits[name].hours for name in ("train", "validation"))
    said = [f"Learnt from {learnt:.1f} minutes, checked with {checked:.1f} other minutes."]
    # Texts and pictures beside the music are not missed.
    dropped = [file for file in spec.dropped if file.detail != BY_NAME]
    if dropped:
        said.append(
            f"{_files(len(dropped))} could not be used, the first: {dropped[0].path} "
            f"({dropped[0].detail or dropped[0].reason})."
        )
    if spec.noted:
        said.append(
            f"{_files(len(spec.noted))} are doubtful, the first: {spec.noted[0].path} "
            f"({spec.noted[0].detail})."
        )
    if learnt < _LITTLE:
        said.append(
            "This is very little music: expect the colour of your sound, and no tunes of your own."
        )
    elif learnt < _SOME:
        said.append("Half an hour or more of similar music would teach it more.")
    return said


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def of_notes(f1: Mapping[str, float | None]) -> list[str]:
    """Sentences on the notes that the system keeps of songs, before and after."""
    before, after = f1.get("before"), f1.get("after")
    if before is None or after is None:
        return []
    return [
        f"Of the notes in your songs, a transcriber finds {before:.0%} after they went through the "
        f"system as it was, and {after:.0%} as it is now (higher is better)."
    ]


def of_copies(found: Mapping[str, Any]) -> list[str]:
    """How near the new clips come to copies of the music that was learnt."""
    said = []
    if codes := found["codes"]:
        own, real = codes["max_secs"], codes["real_max_secs"]
        if own > max(_LONGER * real, 1.0):
            said.append(
                f"A new clip has {own:.1f} s in common with the music it learnt from, note for "
                f"note; other music of yours has {real:.1f} s. It copies: use more music, or less "
                "time."
            )
        else:
            said.append(
                f"New clips have at most {own:.1f} s in common with the music they learnt from; "
                f"other music of yours has {real:.1f} s. They are not copies."
            )
    if (sound := found["sound"]) and sound["max"] > sound["real_max"] + _LIKER:
        said.append(
            f"By ear, a new clip is nearer to the music it learnt from ({sound['max']:.2f} of 1) "
            f"than other music of yours is ({sound['real_max']:.2f}): listen whether it is a copy."
        )
    return said
