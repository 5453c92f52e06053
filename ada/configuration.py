"""The one place that parses gin. Everything later is rebuilt from run directories."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import gin

from ada import models, quantizers, resources, training
from ada.errors import UserError

REGISTERED = (
    models.AutoregressiveDiscreteAutoencoder,
    models.Encoder,
    models.Modulator,
    models.WaveNet,
    quantizers.ArgmaxQuantizer,
    quantizers.IdentityQuantizer,
    quantizers.VectorQuantizer,
    training.Optimization,
    training.Intervals,
)


@functools.cache
def _register() -> Callable:
    """Makes the library's classes known to gin, by their own names; returns gin's `train`."""
    for thing in REGISTERED:
        gin.register(thing)
    for path in resources.gin_search_paths():
        gin.add_config_file_search_path(path)
    return gin.external_configurable(training.train, name="train")


def load(gin_files: Sequence[str], gin_params: Sequence[str] = ()) -> Callable:
    """Parses gin files and bindings (later ones win); returns `ada.training.train`, configured.

    Raises:
      UserError: for a file that is not there, a syntax error, an unknown name, or a macro in
        `gin_params` that no file knows.
    """
    train = _register()
    gin.clear_config()
    try:
        gin.parse_config_files_and_bindings(list(gin_files), [], finalize_config=False)
        known = _macros()
        gin.parse_config(list(gin_params))
        gin.finalize()
    except OSError as error:
        shipped = sorted(p.name for p in resources.gin_dir().glob("*.gin"))
        raise UserError(
            f"no such gin file: {str(error).splitlines()[0]} Shipped: {', '.join(shipped)}."
        ) from error
    except (SyntaxError, ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"gin: {_one_line(error)}") from error
    unknown = _macros() - known if gin_files else set()
    if unknown:
        raise UserError(
            f"gin: no file uses {', '.join(sorted(unknown))}; macros are {', '.join(sorted(known))}."
        )
    return train


def check_all_used() -> None:
    """Raises UserError if a binding took no part in what was built, as a misspelt one would."""
    used = {(key, name) for key, values in _operative().items() for name in values}
    unused = [
        f"{'/'.join(filter(None, key))}.{name}"
        for key, values in gin.config._CONFIG.items()
        if key[1] != "gin.macro"
        for name in values
        if (key, name) not in used
    ]
    if unused:
        raise UserError(
            f"gin: nothing uses {', '.join(sorted(unused))}; remove the binding or build what it "
            "belongs to."
        )


def kind_of_data() -> str:
    """What the configured model is for, "audio" or "codes"."""
    return gin.query_parameter("train.kind")


def operative() -> str:
    """The gin text of everything that took effect."""
    return gin.operative_config_str()


def run_name(gin_files: Sequence[str]) -> str:
    """The default name of a run: that of its first gin file."""
    return Path(gin_files[0]).stem


def _macros() -> set[str]:
    return {key[0] for key in gin.config._CONFIG if key[1] == "gin.macro"}


def _operative() -> dict:
    return gin.config._OPERATIVE_CONFIG


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
