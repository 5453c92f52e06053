"""The one place that parses gin. Everything later is rebuilt from run directories."""

import contextlib
import dataclasses
import functools
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import keras

import gin
from ada import extensions, models, quantizers, training
from ada.config import bindings
from ada.config.bindings import UnusedBindingError
from ada.config.old_names import renamed
from ada.config.value_types import check_types
from ada.utils import log, resources
from ada.utils.errors import UserError, first_line

REGISTERED = (
    models.AutoregressiveDiscreteAutoencoder,
    models.Encoder,
    models.Modulator,
    models.WaveNet,
    quantizers.ArgmaxQuantizer,
    quantizers.IdentityQuantizer,
    quantizers.VectorQuantizer,
    extensions.CodeFrontEnd,
    extensions.CodebookWarmup,
    extensions.EmaCodebook,
    extensions.FilterbankFrontEnd,
    extensions.GroupedArgmaxQuantizer,
    extensions.GroupedVectorQuantizer,
    extensions.ReplaceInputs,
    extensions.RestartUnusedCodes,
    extensions.SpectralLoss,
    extensions.UnitLengthVectorQuantizer,
    extensions.WaveformLoss,
    training.FirstPhase,
    training.Optimization,
    training.Intervals,
    training.Search,
)


# Arguments that may be bound in vain, as `Class.argument`, in what was loaded last.
_tolerated: set[str] = set()


@functools.cache
def _register() -> Callable:
    """Makes the library's classes known to gin, by their own names; returns what makes settings."""
    for thing in REGISTERED:
        gin.register(thing)
    return gin.external_configurable(training.TrainingSettings, name="train")


def load(gin_files: Sequence[str], gin_params: Sequence[str] = ()) -> training.TrainingSettings:
    """Parses gin files and bindings, later ones winning, into settings.

    Raises:
      UserError: for a file that is not there, a syntax error, an unknown name, a value that does
        not fit, or a macro that nothing refers to.
      UnusedBindingError: for a macro in `gin_params` that no file knows.
    """
    return GinModel.read(gin_files, gin_params).load({})


@dataclasses.dataclass(frozen=True)
class GinModel:
    """The bindings of a model, for processes that may not have the gin files.

    Attributes:
      text: of the files, each with what it includes in its place, and of the bindings.
      tolerated: arguments that may be bound in vain, as `Class.argument`: one overlay serves
        several models, and of a shipped file, what this model has no use for is not a mistake.
    """

    text: str
    tolerated: frozenset[str]

    @classmethod
    def read(cls, gin_files: Sequence[str], gin_params: Sequence[str] = ()) -> "GinModel":
        """Reads and checks them; raises what `load` raises."""
        bindings.read_model(gin_files, gin_params)
        given = _bound_names(renamed("\n".join([*_own_texts(gin_files), *gin_params])))
        return cls(bindings.whole_text(gin_files, gin_params), _shipped_bindings() - given)

    def load(self, values: Mapping[str, float]) -> training.TrainingSettings:
        """The settings, with values by the name of a gin binding on top; raises as `load` does."""
        changes = renamed("\n".join(f"{name} = {value!r}" for name, value in values.items()))
        make_settings = _register()
        gin.clear_config()
        _tolerated.clear()
        _tolerated.update(self.tolerated)
        bound = bindings.read_text(self.text, changes)
        with _gin_errors():
            gin.parse_config(f"{self.text}\n{changes}")
            check_types(bound, (*REGISTERED, training.TrainingSettings))
            settings = make_settings()
            for make_hook in settings.hooks:
                make_hook()  # errors of its values show now, and its bindings count as used
        return dataclasses.replace(settings, model=_checked(settings.model))


def _own_texts(gin_files: Sequence[str]) -> list[str]:
    """The texts of gin files that are the user's own."""
    shipped = resources.gin_dir().resolve()
    paths = [Path(path) for path in gin_files]
    return [
        p.read_text("utf-8") for p in paths if p.is_file() and shipped not in p.resolve().parents
    ]


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Restores gin's bindings at the end of the context."""
    bound, operative = gin.config._CONFIG, gin.config._OPERATIVE_CONFIG
    # By hand: a deep copy would call what bindings refer to.
    before = [{key: dict(values) for key, values in kept.items()} for kept in (bound, operative)]
    imports, tolerated = set(gin.config._IMPORTS), set(_tolerated)
    try:
        yield
    finally:
        gin.clear_config()
        bound.update(before[0])
        operative.update(before[1])
        gin.config._IMPORTS.update(imports)
        _tolerated.clear()
        _tolerated.update(tolerated)


@contextlib.contextmanager
def _gin_errors() -> Iterator[None]:
    """Turns gin's errors into one line, and silences its log of where it looked for files."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    except (SyntaxError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise UserError(f"gin: {bindings.message_of(error)}") from error
    finally:
        logging.disable(logging.NOTSET)


def _checked(make_model: Callable) -> Callable:
    """The constructor of the model, with its errors as UserError."""

    def make() -> keras.Model:
        try:
            return make_model()
        except (ValueError, TypeError, RuntimeError) as error:
            raise UserError(f"gin: {first_line(error)}") from error

    return make


def params_for(gin_files: Sequence[str], gin_params: Sequence[str]) -> list[str]:
    """Those of some bindings that a model has a use for.

    Args:
      gin_files: of the model.
      gin_params: bindings meant for several models.

    Raises:
      UserError: for a value that does not fit.
    """
    return list(_params_for(tuple(gin_files), tuple(gin_params)))


@functools.cache  # it makes a model for every binding, and systems share their models
def _params_for(gin_files: tuple[str, ...], gin_params: tuple[str, ...]) -> tuple[str, ...]:
    used = []
    for binding in gin_params:
        try:
            load(gin_files, [binding]).model()
            check_all_used()
            if unused_names([binding]):
                continue
        except UnusedBindingError:
            continue
        except UserError:
            pass  # a value may fit only together with the others: that is for the end
        used.append(binding)
    load(gin_files, used).model()
    return tuple(used)


def unused_names(gin_params: Sequence[str]) -> set[str]:
    """The macros that bindings set and nothing refers to, after `load`."""
    used = set(re.findall(r"%(\w+)", gin.config_str()))
    return set(filter(None, map(bindings.macro_of, gin_params))) - used


def warn_of_unused(gin_params: Sequence[str]) -> None:
    """Logs a warning for bindings that the model loaded last does not use."""
    unused = unused_names(gin_params)
    if unused:
        log.warning(
            f"{', '.join(sorted(unused))}: this model does not use that. Steps, for instance, are "
            "NUM_STEPS, of second levels LEVEL2_STEPS, of priors PRIOR_STEPS."
        )


def parsed() -> str:
    """The gin text of everything that was loaded last: files, their includes and bindings."""
    return gin.config_str()


def check_all_used() -> None:
    """Raises UserError if a binding took no part in what was built (see `GinModel.tolerated`)."""
    used = {(*key, name) for key, values in _operative().items() for name in values}

    def is_used(scope: str, thing: str, name: str) -> bool:
        # What a macro refers to is built within a scope of the macro's name.
        scopes = {found for found, other, argument in used if (other, argument) == (thing, name)}
        return any(not scope or f"{found}/".startswith(f"{scope}/") for found in scopes)

    unused = [
        f"{'/'.join(filter(None, key))}.{name}"
        for key, values in gin.config._CONFIG.items()
        if key[1] != "gin.macro"
        for name in values
        if not is_used(*key, name) and f"{key[1].rsplit('.', 1)[-1]}.{name}" not in _tolerated
    ]
    if unused:
        raise UnusedBindingError(
            f"gin: nothing uses {', '.join(sorted(unused))}; remove the binding or build what it "
            "belongs to."
        )


def operative() -> str:
    """The gin text of everything that took effect; raises UserError if a binding did not."""
    check_all_used()
    return gin.operative_config_str()


@functools.cache
def _shipped_bindings() -> frozenset[str]:
    """Arguments that the shipped gin files bind, as `Class.argument`."""
    return _bound_names(bindings.shipped_text())


def _bound_names(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"(?m)^\s*(?:[\w/]+/)?(?:[\w.]+\.)?(\w+\.\w+)\s*=", text))


def _operative() -> dict:
    return gin.config._OPERATIVE_CONFIG
