"""Shared by all commands: flags, exit codes, one-line errors, and a quiet start.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (Ctrl-C), 75 stopped from outside
(SIGTERM, or another worker was lost): nothing is lost, and the same command resumes.
"""

import contextlib
import errno
import os
import re
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from absl import flags, logging

from ada.cli.surroundings import have_a_cache, heard, know_a_user
from ada.utils.errors import StoppedError, Terminated, UsageError, UserError, first_line, with_hint
from ada.utils.streams import give_up, printable

# sysexits.h's EX_TEMPFAIL: schedulers take it for "run it again".
STOPPED = 75
# TensorFlow's text after the name of a file.
_ERRNO = re.compile("; (" + "|".join(re.escape(os.strerror(n)) for n in errno.errorcode) + ")")
# TensorFlow's text around the message of an operation.
_OPERATION = re.compile(r"\{\{\w+ [^}]*\}\} ?| \[Op:\w+\]")
# Optional imports of TensorFlow and Keras that no command needs: a third of the starting time.
_UNUSED = ("IPython", "matplotlib", "pandas", "scipy", "sklearn")
# Messages that TensorFlow prints while it starts at any log level.
_NOISE = re.compile(rb"^(WARNING: All log messages before absl|[IWE]0000 |[IWEF]\d{4} ).*", re.M)


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Holds back what native code writes to stderr, and passes on all but start-up noise."""
    sys.stderr.flush()
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    except OSError:  # nowhere may be written: then the noise is heard
        yield
        return
    kept = os.dup(2)
    with file as held:
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


@contextlib.contextmanager
def _without_unused() -> Iterator[None]:
    """Within the context, imports of some packages fail as if they were not installed.

    Modules imported meanwhile do without them; other code can import them afterwards.
    """
    hidden = [name for name in _UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def start_tensorflow() -> None:
    """Imports TensorFlow and looks for its devices without the start-up noise."""
    with _quiet_stderr(), _without_unused():
        import tensorflow as tf
        import tensorflow_probability  # noqa: F401 - it is noisy too

        from ada.utils.devices import use_memory_as_needed

        use_memory_as_needed()
        tf.get_logger().setLevel("ERROR")


def run(
    main: Callable[[list[str]], int | None],
    check: Callable[[], None] | None = None,
    tensorflow: bool = True,
    arguments: int = 0,
) -> NoReturn:
    """Runs a command: parses its flags, calls `main(argv)` and exits.

    In a notebook (`%run -m ada.describe -- ...`) flags, gin, signals, environment and output are
    as before when it ends. What it imported stays, and so do Keras's random seed and, after
    `ada.pbt`, that TensorFlow sees no GPU.

    Args:
      main: takes what is left of the command line; returns an exit code or None for 0.
      check: raises UserError for what can be checked without TensorFlow, before it is started.
      tensorflow: whether the command uses TensorFlow, which is then started quietly.
      arguments: number of positional arguments that it takes.
    """
    with _leaving_nothing_behind(), heard():
        code = _exit_code(main, check, tensorflow, arguments)
    # Out of reach of the errors above, which notebooks would show with it.
    sys.exit(code)


def _exit_code(
    main: Callable[[list[str]], int | None],
    check: Callable[[], None] | None,
    tensorflow: bool,
    arguments: int,
) -> int:
    """Does what `run` says, up to the exit; errors become a line on stderr."""
    helps = any(arg in ("-h", "--help", "-help") for arg in sys.argv[1:])
    signal.signal(signal.SIGTERM, _terminate)
    try:
        if helps:
            return _writing(_show_help)
        argv = flags.FLAGS(sys.argv)
        if len(argv) > 1 + arguments:
            raise flags.Error(f"unexpected argument {argv[1 + arguments]!r}")
        if "allow_gin_imports" in flags.FLAGS and flags.FLAGS.allow_gin_imports:
            from ada.config.bindings import allow_imports

            allow_imports()
        if check is not None:
            check()
        if tensorflow:
            start_tensorflow()
        return _writing(lambda: main(argv) or 0)
    except (UsageError, flags.Error) as error:
        return _refuse_usage(error)
    except StoppedError as error:
        print(f"Stopped: {printable(str(error))}", file=sys.stderr)
        return STOPPED
    except UserError as error:
        print(f"Error: {printable(str(error))}", file=sys.stderr)
        return 1
    except Exception as error:
        if not _is_of_the_system(error):
            raise
        print(f"Error: {printable(_message_of(error))}", file=sys.stderr)
        return 1
    except Terminated:
        print("Stopped: SIGTERM came; the same command resumes.", file=sys.stderr)
        return STOPPED
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


@contextlib.contextmanager
def _leaving_nothing_behind() -> Iterator[None]:
    """Sets up what a command needs of the process, and gives it back as it was."""
    configuration = sys.modules.get("ada.config.configuration")
    gin_kept = configuration.kept() if configuration else contextlib.nullcontext()
    verbosity, handler = logging.get_verbosity(), signal.getsignal(signal.SIGTERM)
    output, were_parsed = sys.stdout, flags.FLAGS.is_parsed()
    environment = dict(os.environ)
    with contextlib.suppress(OSError):
        know_a_user(os.environ)
        have_a_cache(os.environ)
    # Libraries talk through absl; what ada has to say goes through ada.utils.log.
    logging.set_verbosity(logging.ERROR)
    # Names of files hold anything, and terminals cannot show all of it. Notebooks can.
    errors = getattr(output, "errors", None)
    if hasattr(output, "reconfigure"):
        output.reconfigure(errors="backslashreplace")
    try:
        with gin_kept:
            yield
    finally:
        own = flags.FLAGS.flags_by_module_id_dict().get(id(sys.modules["__main__"]), [])
        for flag in list(own):
            delattr(flags.FLAGS, flag.name)
        if not were_parsed:
            flags.FLAGS.unparse_flags()
        if configuration is None and "ada.config.configuration" in sys.modules:
            sys.modules["gin"].clear_config()
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        if handler is not None:  # it was not set from Python
            signal.signal(signal.SIGTERM, handler)
        logging.set_verbosity(verbosity)
        if hasattr(output, "reconfigure"):
            with contextlib.suppress(OSError):  # it flushes, which Python tries again at exit
                output.reconfigure(errors=errors)


def _show_help() -> int:
    """Prints what the command does and its flags."""
    print(sys.modules["__main__"].__doc__)
    print(flags.FLAGS.main_module_help())
    return 0


def _writing(command: Callable[[], int]) -> int:
    """The exit code of what writes to stdout.

    Raises:
      OSError: if the output cannot be written.
    """
    try:
        code = command()
        sys.stdout.flush()
        return code
    except OSError:
        give_up(sys.stdout)
        raise


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """Answers SIGTERM as Ctrl-C is answered; a second one ends the process at once."""
    del frame
    signal.signal(number, signal.SIG_DFL)
    raise Terminated


def _is_of_the_system(error: Exception) -> bool:
    """Whether an error is about files, disks or memory, not about code."""
    if isinstance(error, (OSError, MemoryError, UnicodeEncodeError)):
        return True
    tf = sys.modules.get("tensorflow")
    if tf is None or not isinstance(error, tf.errors.OpError):
        return False
    kinds = ("NotFoundError", "PermissionDeniedError", "ResourceExhaustedError", "DataLossError")
    # Files, most of all those on other machines, fail in many ways.
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    of_files = raised_in.endswith(("file_io.py", "tf_record.py")) or _ERRNO.search(str(error))
    return bool(of_files) or isinstance(error, tuple(getattr(tf.errors, k) for k in kinds))


def _message_of(error: Exception) -> str:
    """One line of an error of the system."""
    if isinstance(error, UnicodeEncodeError):
        shown = printable(error.object[:200])
        return (
            f"{shown}: the name is not UTF-8, as TensorFlow wants it: rename it, or, if it is, set "
            "LC_ALL=C.UTF-8."
        )
    if isinstance(error, FileNotFoundError) and not (error.filename or _has_directory()):
        return "The directory that this was started in is gone: change to another."
    text = _OPERATION.sub("", first_line(error)).rstrip(".")
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return with_hint(text) + "."


def _has_directory() -> bool:
    """Whether the current directory is still there."""
    try:
        return bool(Path.cwd())
    except FileNotFoundError:
        return False


def _refuse_usage(error: Exception) -> int:
    message = printable(str(error).rstrip("."))
    print(f"Wrong usage: {message}. --help lists the flags.", file=sys.stderr)
    return 2
