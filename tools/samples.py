"""Makes the folder of samples: what each pretrained system sounds like, as MP3, with a page.

    python -m tools.samples --output_dir=tools/samples

Of each system: music that it was not trained on through its codes, the same music continued from
its first half, and new clips; beside them the music itself. The folder is replaced as a whole. The
same seed makes the same clips.
"""

import hashlib
import tempfile
from pathlib import Path

from absl import flags

from ada.cli import commands, value_flags

FLAGS = flags.FLAGS
value_flags.define_path("output_dir", "tools/samples", "Where the samples go.")
value_flags.define_patterns(
    "music",
    [
        f"data_prep/sample_audio/{name}.ogg"
        for name in ("debussy_arabesque_1", "joplin_easy_winners")
    ],
    "Music to reconstruct and to continue; it is put into the folder, so that it must be free.",
)
value_flags.define_secs("secs", 10.0, "Length of a clip in seconds.")
value_flags.define_seed("Random seed for sampling.")
COMMAND, MOST_BYTES = "tools.samples", 6_000_000


def check() -> None:
    """Refuses music that a system was trained on, which would sound better than it is."""
    from ada import pretrained
    from ada.runs.chain import open_runs
    from ada.utils.errors import UserError
    from ada.utils.made import require_replaceable

    require_replaceable(Path(FLAGS.output_dir), COMMAND, "$")
    digests = {hashlib.sha256(Path(p).read_bytes()).hexdigest(): p for p in _music()}
    for name in pretrained.names():
        for run in open_runs(pretrained.run_dirs(name)):
            for source in run.spec.splits["train"].sources:
                if source.sha256 in digests:
                    raise UserError(
                        f"{name} was trained on {digests[source.sha256]}: give other --music."
                    )


def _music() -> list[str]:
    from ada.preparation.inputs import find_files, split_patterns

    return [file.path for pattern in split_patterns(FLAGS.music) for file in find_files([pattern])]


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada import pretrained
    from ada.utils.errors import UserError
    from ada.utils.made import files_in, mark
    from tools.sample_folder import REAL, sample_system, write_pages, write_real

    root, music = Path(FLAGS.output_dir), _music()
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".samples.", dir=root.parent) as folder:
        new, work = Path(folder) / "new", Path(folder) / "work"
        real = write_real(music, FLAGS.secs, new / REAL)
        made = [
            sample_system(name, music, FLAGS.secs, FLAGS.seed, new / name, work / name)
            for name in sorted(pretrained.names(), key=lambda name: "notes" not in name)
        ]
        write_pages(new, real, made, f"python -m {COMMAND} --seed={FLAGS.seed}")
        mark(new, COMMAND, files_in(new))
        size = sum(path.stat().st_size for path in new.rglob("*") if path.is_file())
        if size > MOST_BYTES:
            raise UserError(
                f"the samples take {size / 1e6:.1f} MB, more than {MOST_BYTES / 1e6:g}: give "
                "fewer --secs."
            )
        if root.exists():
            root.rename(Path(folder) / "old")
        new.rename(root)
    print(f"{root}: {size / 1e6:.1f} MB. Look and listen: {root / 'index.html'}")


if __name__ == "__main__":
    commands.run(main, check)
