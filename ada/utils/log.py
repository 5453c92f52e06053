"""Messages to people: plain lines on stderr that do not break a progress bar."""

import contextlib
import logging
from collections.abc import Iterator

from tqdm import tqdm

from ada.utils.streams import escaped


class _BesideBars(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        text = escaped(self.format(record))
        if record.levelno >= logging.WARNING:
            text = f"{record.levelname.capitalize()}: {text}"
        tqdm.write(text, file=_stderr())


def _stderr():  # noqa: ANN202 - looked up late, so that tests can capture it
    import sys

    return sys.stderr


logger = logging.getLogger("ada")
if not logger.handlers:
    logger.addHandler(_BesideBars())
    logger.setLevel(logging.INFO)
    logger.propagate = False


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within the context, only warnings are said."""
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


info = logger.info
warning = logger.warning
