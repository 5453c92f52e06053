"""Replacements for streams, a user or a home directory that a process may lack."""

import atexit
import contextlib
import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Iterator, MutableMapping

from ada.utils.streams import Forgiving


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """Within the context there are streams, whatever the process was started with."""
    # Files that are opened later would get the numbers of closed streams, and what native code
    # says would go into them.
    for number, flags_of_open in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags_of_open)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    before = sys.stdout, sys.stderr
    nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - no path, and kept
    sys.stdout = Forgiving(before[0] or nowhere, BrokenPipeError)
    sys.stderr = Forgiving(before[1] or nowhere, OSError)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def know_a_user(environment: MutableMapping[str, str]) -> None:
    """Sets a user name and home directory in the environment if there are none.

    They are missing, for example, in containers with an unknown user id.
    """
    try:
        pwd.getpwuid(os.getuid())
        return
    except KeyError:
        pass
    if not any(environment.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
        environment["LOGNAME"] = str(os.getuid())
    if not environment.get("HOME"):
        environment["HOME"] = tempfile.mkdtemp(prefix="ada_home_")
        atexit.register(shutil.rmtree, environment["HOME"], ignore_errors=True)


def have_a_cache(environment: MutableMapping[str, str]) -> None:
    """Sets temporary cache directories for libraries if the home directory is not writable.

    Otherwise Numba, which librosa needs, would fail.
    """
    names = [name for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR") if not environment.get(name)]
    if names and not os.access(os.path.expanduser("~"), os.W_OK):  # noqa: PTH111 - raises nothing
        folder = tempfile.mkdtemp(prefix="ada_cache_")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        environment.update(dict.fromkeys(names, folder))
