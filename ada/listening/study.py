"""Begins a listening test with some clips, or continues it."""

from collections.abc import Sequence

from ada.audio.loudness import TARGET_LUFS, common_target, gain_db, highest_lufs, measure
from ada.listening.clips import Clip, digest
from ada.listening.store import Store, StoredClip
from ada.utils import log
from ada.utils.errors import UsageError
from ada.utils.progress import progress_bar


def count_rounds(clips: Sequence[Clip], wanted: int | None) -> int:
    """Number of clips of each system that a rater hears.

    Args:
      clips: of all systems.
      wanted: number of them; None for as many as the smallest system has.

    Raises:
      UsageError: a system has fewer.
    """
    counts: dict[str, int] = {}
    for clip in clips:
        counts[clip.system] = counts.get(clip.system, 0) + 1
    smallest = min(counts, key=counts.__getitem__)
    if wanted and wanted > counts[smallest]:
        raise UsageError(f"--clips_per_system={wanted}, but {smallest} has {counts[smallest]}")
    return wanted or counts[smallest]


def prepare(store: Store, clips: Sequence[Clip]) -> dict[str, Clip]:
    """Begins the test if the store is new; otherwise checks that it has these clips.

    Returns:
      The clips by the keys that they have in the test.

    Raises:
      UserError: a clip cannot be read, or the store is of other clips.
    """
    digests, levels, formats = [], [], set()
    for clip in progress_bar(clips, desc="Clips", unit="clip", leave=False, delay=2.0):
        audio, rate = clip.read()
        digests.append(digest(audio, rate))
        formats.add((len(audio) / rate, rate))
        if store.is_new:
            levels.append(measure(audio, rate))
    if not store.is_new:
        found = zip(clips, digests, strict=True)
        store.require_clips([(clip.system, clip.name, is_now) for clip, is_now in found])
    else:
        target = common_target(levels)
        peakiest, clip = min(zip(map(highest_lufs, levels), clips, strict=True), key=lambda p: p[0])
        if target < TARGET_LUFS:
            log.warning(
                f"all clips are at {target:.1f} LUFS instead of {TARGET_LUFS:g}: the peaks of "
                f"{clip.path} need room."
            )
        if peakiest < target:
            log.warning(
                f"{clip.path} is quieter than the others, {peakiest:.1f} LUFS: a click, or nearly "
                "silent? Raters will hear it."
            )
        if len(formats) > 1:
            message = " and ".join(
                f"{secs:.3g} s at {rate} Hz" for secs, rate in sorted(formats)[:2]
            )
            log.warning(
                f"clips differ in length or sample rate ({message}), by which raters may tell "
                "systems apart."
            )
        parts = zip(clips, digests, levels, strict=True)
        rows = [StoredClip(c.system, c.name, d, gain_db(lvl, target)) for c, d, lvl in parts]
        store.create(rows, target)
    paths = {(clip.system, clip.name): clip for clip in clips}
    return {key: paths[clip.system, clip.name] for key, clip in store.clips().items()}
