"""Old names of flags: they keep working, with one line of notice."""

from absl import flags

from ada.utils import log

FLAGS = flags.FLAGS
# The flags belong to the command that defines them.
flags.disclaim_key_flags()

_PREFIX = "Old name of --"


def define(old: str, new: str) -> None:
    """Makes `--old` another name of the flag `--new`, which is defined before."""
    flags.DEFINE_alias(old, new)
    FLAGS[old].help = f"{_PREFIX}{new}."


def notice() -> None:
    """Prints a line for each old name that was given."""
    for name in FLAGS:
        flag = FLAGS[name]
        if flag.present and (flag.help or "").startswith(_PREFIX):
            new = flag.help.removeprefix(_PREFIX).rstrip(".")
            log.info(f"--{name} is now called --{new}; the old name still works.")
