"""What all commands share: flags, exit codes, one-line errors, and a quiet start.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (Ctrl-C), 75 stopped from outside
(SIGTERM, or another worker was lost): nothing is lost, and the same command goes on.
"""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import NoReturn

from absl import flags, logging

from ada.errors import StoppedError, UsageError, UserError

# sysexits.h's EX_TEMPFAIL: schedulers take it for "run it again".
STOPPED = 75
# What TensorFlow prints while it starts, whatever its log level.
_NOISE = re.compile(rb"^(WARNING: All log messages before absl|[IWE]0000 |[IWEF]\d{4} ).*", re.M)


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Holds back what native code writes to stderr, and passes on all but start-up noise."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            rest = _NOISE.sub(b"", held.read()).strip()
            if rest:
                os.write(2, rest + b"\n")


def start_tensorflow() -> None:
    """Imports TensorFlow and looks for its devices without the start-up noise."""
    with _quiet_stderr():
        import tensorflow as tf
        import tensorflow_probability  # noqa: F401 - it is noisy too

        tf.config.list_physical_devices()
        tf.get_logger().setLevel("ERROR")


def run(
    main: Callable[[list[str]], int | None], tensorflow: bool = True, arguments: int = 0
) -> None:
    """Runs a command: parses its flags, calls `main(argv)` and exits.

    Args:
      main: takes what is left of the command line; returns an exit code or None for 0.
      tensorflow: whether the command uses TensorFlow, which is then started quietly.
      arguments: how many arguments that are no flags it takes.
    """
    # Libraries talk through absl; what ada has to say goes through ada.log.
    logging.set_verbosity(logging.ERROR)
    if any(arg in ("-h", "--help", "-help") for arg in sys.argv[1:]):
        print(sys.modules["__main__"].__doc__)
        print(flags.FLAGS.main_module_help())
        sys.exit(0)
    try:
        argv = flags.FLAGS(sys.argv)
        if len(argv) > 1 + arguments:
            raise flags.Error(f"unexpected argument {argv[1 + arguments]!r}")
    except flags.Error as error:
        _exit_on_wrong_usage(error)
    try:
        if tensorflow:
            start_tensorflow()
        sys.exit(main(argv) or 0)
    except UsageError as error:
        _exit_on_wrong_usage(error)
    except StoppedError as error:
        print(f"Stopped: {error}", file=sys.stderr)
        sys.exit(STOPPED)
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        if not _is_of_the_system(error):
            raise
        print(f"Error: {str(error).strip().splitlines()[0]}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)


def _is_of_the_system(error: Exception) -> bool:
    """Whether an error is about files, disks or memory, not about code."""
    if isinstance(error, OSError):
        return True
    tf = sys.modules.get("tensorflow")
    kinds = ("NotFoundError", "PermissionDeniedError", "ResourceExhaustedError", "DataLossError")
    return tf is not None and isinstance(error, tuple(getattr(tf.errors, k) for k in kinds))


def _exit_on_wrong_usage(error: Exception) -> NoReturn:
    print(f"Wrong usage: {str(error).rstrip('.')}. --help lists the flags.", file=sys.stderr)
    sys.exit(2)
