"""Names of gin bindings that have changed: the old ones work, with one line of notice."""

import functools
import re

from ada.utils import log

_QUANTIZERS = ("VectorQuantizer", "GroupedVectorQuantizer", "ArgmaxQuantizer")
_ARGUMENTS = {
    "warmup_steps": "CodebookWarmup.steps",
    "init_from_data": "CodebookWarmup.init_from_data",
    "restart_every": "RestartUnusedCodes.every",
    "ema_decay": "EmaCodebook.decay",
}
NEW_NAMES = {
    **{f"{kind}.{old}": new for kind in _QUANTIZERS for old, new in _ARGUMENTS.items()},
    "GroupedArgmaxQuantizer.warmup_steps": "CodebookWarmup.steps",
    "WaveNet.input_replacement": "ReplaceInputs.share",
    "WaveNet.input_replacement_steps": "ReplaceInputs.steps",
}
_OLD = re.compile(rf"(?m)^(\s*)(?:[\w/]+/)?({'|'.join(map(re.escape, NEW_NAMES))})(?=\s*=)")


def renamed(text: str) -> str:
    """The text of gin bindings with today's names."""
    return _OLD.sub(lambda match: match[1] + _new_name(match[2]), text)


@functools.cache
def _new_name(old: str) -> str:
    """The new name of an old one; says so once."""
    log.info(f"gin: {old} is now called {NEW_NAMES[old]}.")
    return NEW_NAMES[old]
