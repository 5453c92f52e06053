"""Packs a trained chain as a pretrained system: averaged weights alone, no paths, and a card.

    python -m tools.pack --run_dirs=runs/prior_hop64,runs/hop64_vqvae --name=piano_hop64 \
        --evaluation=out/evaluation/evaluation.json --data=card_of_the_data.md

The card tells what was measured (`ada.evaluate --output_dir`) and what the training data are, which
is yours to write.
"""

import re
import tempfile
from pathlib import Path

from absl import flags

from ada.cli import commands, value_flags

FLAGS = flags.FLAGS
value_flags.define_paths("run_dirs", None, "Run directories, top first.")
flags.DEFINE_string("name", None, "Of the pretrained system.")
value_flags.define_path("evaluation", None, "evaluation.json of ada.evaluate --output_dir.")
value_flags.define_path(
    "data", None, "A Markdown file: what the training data are, and their licence."
)
value_flags.define_path("output_dir", "ada/pretrained", "Where its folder goes.")
COMMAND = "tools.pack"
# Files of systems of before these were marked.
FILES = (
    r"card\.md|[^/]+/((run|model|dataset|sampling)\.json|operative\.gin"
    r"|checkpoints/best/ckpt-\d+\..+)"
)
for flag in ("run_dirs", "name", "evaluation", "data"):
    flags.mark_flag_as_required(flag)


def check() -> None:
    """Raises UserError for mistakes that can be found without TensorFlow."""
    from ada.runs.chain import open_runs
    from ada.utils.errors import UsageError, UserError
    from ada.utils.made import require_replaceable

    if not re.fullmatch(r"\w[\w.-]*", FLAGS.name):
        raise UsageError(f"--name={FLAGS.name} is to be the name of a folder, such as piano_hop64")
    require_replaceable(_root(), COMMAND, FILES)
    for path in map(Path, (FLAGS.evaluation, FLAGS.data)):
        if not path.is_file():
            raise UserError(f"There is no file {path}.")
    open_runs(FLAGS.run_dirs)


def _root() -> Path:
    return Path(FLAGS.output_dir) / FLAGS.name


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada.evaluation.comparison import systems_of
    from ada.evaluation.summary import summary
    from ada.generation.results import run_identities
    from ada.runs.chain import Chain
    from ada.utils.errors import UserError
    from ada.utils.files import write_text_atomically
    from ada.utils.made import files_in, mark, require_replaceable
    from tools.packing import card, pack

    systems = systems_of(FLAGS.evaluation)
    chain = Chain.open(FLAGS.run_dirs)
    digests = [identity["digest"] for identity in run_identities(chain)]
    found = [s for s in systems if [level["digest"] for level in s["levels"]] == digests]
    if not found:
        raise UserError(
            f"{FLAGS.evaluation} does not evaluate {','.join(FLAGS.run_dirs)} as they are now."
        )
    root = _root()
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{FLAGS.name}.", dir=root.parent) as folder:
        hidden = Path(folder) / "new"
        packed = pack(chain, hidden)
        text = card(FLAGS.name, packed, summary(found[0]), Path(FLAGS.data).read_text("utf-8"))
        write_text_atomically(str(hidden / "card.md"), text)
        mark(hidden, COMMAND, files_in(hidden))
        if root.exists():
            require_replaceable(root, COMMAND, FILES)
            root.rename(Path(folder) / "old")
        hidden.rename(root)
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    print(f"{root}: {size / 1e6:.1f} MB.")


if __name__ == "__main__":
    commands.run(main, check)
