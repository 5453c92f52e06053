"""LICENSES.md: what is known about the rights in the renderings of an output directory."""

from collections.abc import Iterable
from pathlib import Path

from ada.rendering.manifest import NAME, Row
from ada.utils.files import write_bytes_atomically

FILE = "LICENSES.md"

_HEAD = f"""# Licences

Rendered by `python -m ada.render_scores`. A rendering depends on the composition, its
encoding and the soundfont. Check all three before you redistribute the audio.

- Titles and copyright notices of the scores are in {NAME}.
"""
_CHORALES = """- Compositions: J. S. Bach, in the public domain.
- Encodings: as distributed by music21 {version}, which assumes no copyright in them. Its
  `corpus/license.txt` says that some encodings may not be used commercially or have other
  restrictions.
"""
_OTHER = """- Compositions and encodings: your own scores; their rights are not known here.
"""
_NOTICES = """
Copyright notices in the scores:

"""


def write_licences(output_dir: Path, rows: Iterable[Row], soundfont: Path, chorales: bool) -> None:
    """Writes the note.

    Args:
      output_dir: directory of the renderings.
      rows: the rendered pieces.
      soundfont: what they were rendered with.
      chorales: whether they are music21's chorales.
    """
    if chorales:
        import music21

        text = _HEAD + _CHORALES.format(version=music21.__version__)
    else:
        text = _HEAD + _OTHER
    text += f"- Soundfont: {soundfont.name}, under its own licence.\n"
    notices = sorted({row.licence for row in rows if row.licence})
    if notices:
        text += _NOTICES + "".join(f"- {notice}\n" for notice in notices)
    write_bytes_atomically(output_dir / FILE, text.encode("utf-8", "backslashreplace"))
