"""The report of a preparation: a table of what was kept, dropped and cut."""

from collections import Counter
from collections.abc import Iterable, Sequence

from ada.data.spec import SPLITS, DatasetSpec, Dropped, Grouped, Noted
from ada.utils.streams import printable

_EXAMPLES = 5
# Less than this share of the audio in the train split is worth a word.
LITTLE = 0.6


def count_reasons(dropped: Iterable[Dropped]) -> str:
    """Counts per reason in one line, the commonest first."""
    counts = Counter(d.reason for d in dropped)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number} {reason.replace('_', ' ')}" for reason, number in ordered)


def report(spec: DatasetSpec) -> str:
    """A table of a dataset: kept per split, dropped per reason, cut out, and how fast it went."""
    unit = "audio" if spec.kind == "audio" else "codes"
    lines = [f"{'kept':<16}{'sources':>8}{'hours':>10}{'shards':>8}"]
    for name in SPLITS:
        split = spec.splits[name]
        lines.append(
            f"  {name:<14}{split.num_sources:>8}{split.hours:>10.4f}{len(split.shards):>8}"
        )
    if spec.splits["train"].num_offsets > 1:
        lines.append(f"  train: these hours at {spec.splits['train'].num_offsets} offsets")
    lines.append(f"  split {spec.split_method}")
    hours = [spec.splits[name].hours for name in SPLITS]
    if hours[0] < LITTLE * sum(hours):
        lines.append(
            f"  ONLY {60 * hours[0]:.1f} of {60 * sum(hours):.1f} minutes are to train on: of few "
            "files, whole files are much to set aside. More files, or one or two (which are "
            "divided by time), leave more."
        )
    lines += _dropped_lines(spec.dropped)
    if spec.cut:
        secs = sum(cut.secs for cut in spec.cut)
        lines.append(f"cut out         {secs:.3f} s of NaN or Inf in {len(spec.cut)} files")
    lines += _noted_lines(spec.noted)
    lines += _grouped_lines(spec.grouped)
    timing = spec.preparation
    if timing.get("decoded_secs"):
        lines.append(
            f"{timing['decoded_secs'] / 60:.1f} minutes of {unit} in {timing['wall_secs']:.1f} s: "
            f"{timing['real_time_factor']:.0f} times real time"
        )
    return "\n".join(lines)


def print_report(directory: str, spec: DatasetSpec) -> None:
    """Prints the report of a dataset that was just made."""
    print(f"{directory} is complete.\n{report(spec)}")


def _dropped_lines(dropped: Iterable[Dropped]) -> list[str]:
    by_reason: dict[str, list[Dropped]] = {}
    for item in dropped:
        by_reason.setdefault(item.reason, []).append(item)
    if not by_reason:
        return ["dropped         nothing"]
    lines = [f"{'dropped':<16}{'files':>8}{'hours':>10}"]
    for reason, items in sorted(by_reason.items()):
        known = [item.secs for item in items if item.secs is not None]
        hours = f"{sum(known) / 3600:.4f}" if known else "?"
        lines.append(f"  {reason:<14}{len(items):>8}{hours:>10}")
        lines += _examples([f"{printable(item.path)}: {printable(item.detail)}" for item in items])
    return lines


def _noted_lines(noted: Iterable[Noted]) -> list[str]:
    """Lines of notes about files that were kept, by kind."""
    by_kind: dict[str, list[Noted]] = {}
    for item in noted:
        by_kind.setdefault(item.kind, []).append(item)
    lines = ["kept, and noted"] if by_kind else []
    for kind, items in sorted(by_kind.items()):
        lines.append(f"  {kind.replace('_', ' '):<22}{len(items)} files")
        lines += _examples([f"{printable(item.path)}: {item.detail}" for item in items])
    return lines


def _grouped_lines(grouped: Sequence[Grouped]) -> list[str]:
    """Which files were kept in one split together."""
    if not grouped:
        return []
    num_files = sum(len(group.paths) for group in grouped)
    message = [f"{', '.join(map(printable, group.paths[:3]))}: {group.why}" for group in grouped]
    return [
        f"kept in one split: {num_files} files in {len(grouped)} groups",
        *_examples(message),
    ]


def _examples(lines: Sequence[str]) -> list[str]:
    more = [f"and {len(lines) - _EXAMPLES} more, all in dataset.json"]
    return [f"    {line}" for line in lines[:_EXAMPLES] + more * (len(lines) > _EXAMPLES)]
