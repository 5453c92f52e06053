"""Finds the packages, the program and the soundfont that rendering needs."""

import shutil
from pathlib import Path

from ada.utils import extras
from ada.utils.errors import UserError

# Best first.
USUAL_PLACES = (
    "/usr/share/sounds/sf3/MuseScore_General_Full.sf3",
    "/usr/share/sounds/sf3/MuseScore_General.sf3",
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/soundfonts/FluidR3_GM.sf2",
    "/usr/share/sounds/sf3/default-GM.sf3",
    "/usr/share/sounds/sf2/default-GM.sf2",
    "/usr/share/soundfonts/default.sf2",
    "/usr/share/sounds/sf2/TimGM6mb.sf2",
)


def require_programs() -> None:
    """Checks that music21, mido and FluidSynth are installed.

    Raises:
      UserError: naming what to install.
    """
    extras.require("scores", "music21", "mido")
    if shutil.which("fluidsynth") is None:
        raise UserError(
            "The program fluidsynth is not installed: apt-get install fluidsynth (Debian, "
            "Ubuntu), or brew install fluid-synth (macOS)."
        )


def find_soundfont(given: str | None = None) -> Path:
    """Returns the given soundfont, or the first of the usual places.

    Raises:
      UserError: the given file is not a soundfont, or none is installed.
      OSError: the given file cannot be read.
    """
    if given is None:
        found = next((path for path in map(Path, USUAL_PLACES) if path.is_file()), None)
        if found is None:
            raise UserError(
                "No soundfont is installed: apt-get install musescore-general-soundfont (Debian, "
                "Ubuntu), or name a file with --soundfont."
            )
        return found
    path = Path(given).absolute()
    with path.open("rb") as file:
        header = file.read(12)
    # FluidSynth would play its default soundfont instead.
    if header[:4] != b"RIFF" or header[8:] != b"sfbk":
        raise UserError(f"{given} is not a soundfont: name an .sf2 or .sf3 file.")
    return path
