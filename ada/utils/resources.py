"""Finds gin files and the bundled audio, in a clone and in an installed wheel alike."""

from pathlib import Path

from ada.utils.errors import UserError

_PACKAGE = Path(__file__).resolve().parents[1]
# setup.py copies the clone's top-level folders into the wheel under ada/resources. Beside an
# installed package, `gin` is gin-config: the package's own copy comes first.
_ROOTS = (_PACKAGE / "resources", _PACKAGE.parent)


def _find(relative: str) -> Path:
    for root in _ROOTS:
        if (root / relative).is_dir():
            return root / relative
    raise UserError(f"ada is not installed whole: {relative} is missing. Install it again.")


def gin_dir() -> Path:
    """The folder of the shipped gin files."""
    return _find("gin")


def sample_audio_dir() -> Path:
    """The folder of the bundled audio (public domain, 7.5 minutes of piano)."""
    return _find("data_prep/sample_audio")


def gin_search_paths() -> list[str]:
    """Search path of gin files named `x.gin`, `gin/x.gin` or `base/x.gin`, in this order."""
    shipped = gin_dir()
    return [str(Path.cwd()), str(shipped.parent), str(shipped)]
