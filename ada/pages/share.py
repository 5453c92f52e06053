"""A page small enough to be mailed: its sound becomes MP3."""

import base64
import io
import re
from pathlib import Path

from ada.audio import encoded_bytes
from ada.utils.errors import UserError
from ada.utils.files import write_bytes_atomically

FILE = "share.html"
MOST_BYTES = 10_000_000
# Of MP3 (`encoded_bytes`): from about 70 to 25 kbit/s at 16 kHz.
_COMPRESSIONS = (0.0, 0.35, 0.5, 0.7)
_SOUND = re.compile(r"data:audio/[\w-]+;base64,([A-Za-z0-9+/=]+)")


def shared(html: str, most_bytes: int = MOST_BYTES) -> str | None:
    """A self-contained page with its sound compressed as little as makes it fit.

    Args:
      html: with audio inside, as data URIs.
      most_bytes: of the page.

    Returns:
      The page; None if it cannot be as small.
    """
    import soundfile  # only here: other pages need it not

    sounds = {}
    for found in _SOUND.finditer(html):
        audio, rate = soundfile.read(io.BytesIO(base64.b64decode(found[1])), dtype="float32")
        sounds[found[0]] = audio, rate
    for compression in _COMPRESSIONS:
        small = {}
        for uri, (audio, rate) in sounds.items():
            content = encoded_bytes(audio, rate, "mp3", compression)
            small[uri] = f"data:audio/mpeg;base64,{base64.b64encode(content).decode()}"
        page = _SOUND.sub(lambda found, small=small: small[found[0]], html)
        if len(page.encode()) <= most_bytes:
            return page
    return None


def share(path: Path) -> None:
    """Writes `share.html` beside a page, of at most 10 MB, and prints its path.

    Raises:
      UserError: if the page cannot be as small.
    """
    small = shared(path.read_text("utf-8"))
    if small is None:
        raise UserError(
            f"{path} holds more sound than fits into {MOST_BYTES / 1e6:g} MB: make fewer or "
            "shorter clips."
        )
    write_bytes_atomically(path.with_name(FILE), small.encode())
    print(f"To mail, or for a web server: {path.with_name(FILE)}")
