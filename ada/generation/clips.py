"""Clips in a directory, with the settings that determine them, for `ada.sample` and `ada.play`."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ada.audio.fades import faded
from ada.generation.backends import resolve
from ada.generation.exports import clip_names
from ada.generation.level import DRAWING_VERSION, Level, SamplingConfig
from ada.generation.modes import Request
from ada.generation.recording import record
from ada.generation.results import REPORT, read_report, run_identities
from ada.generation.streaming import Block, Stream


def settings_of(
    request: Request,
    configs: Sequence[SamplingConfig],
    *,
    mode: str,
    given: dict[str, Any],
    run_dirs: Sequence[str],
    batch_size: int | None = None,
    backend: str = "auto",
    weights: str = "float32",
    form: str = "wav",
    normalize: bool = False,
) -> dict[str, Any]:
    """All settings that determine the clips of a request, as in `sample.json`.

    Args:
      request: what is generated.
      configs: of all levels of the system, top first.
      mode: the mode of sampling.
      given: inputs such as prompts or codes, by the names of their flags.
      run_dirs: of the system as the user names them; or the name of a pretrained one.
      batch_size: see `ada.generation.load_levels`; so are the rest.
      backend: of the sampling loop.
      weights: precision of the weights.
      form: of the files, one of `exports.FORMATS`.
      normalize: whether each clip is brought to -23 LUFS.
    """
    settings = {
        "mode": mode,
        "given": given,
        "run_dirs": list(run_dirs),
        "runs": run_identities(request.chain),
        "clips": list(request.indices),
        "duration_secs": request.duration_secs,
        "seed": configs[0].seed,
        "draws": [config._asdict() for config in configs],
        "lanes": batch_size,
        "backend": resolve(backend),
        "weights": weights,
        "digest": request.digest(),
        "drawing_version": DRAWING_VERSION,
        "normalize": normalize,
    }
    return settings | {"wavs": clip_names(settings, form)}


def make_clips(
    directory: Path,
    request: Request,
    configs: Sequence[SamplingConfig],
    settings: dict[str, Any],
    *,
    overwrite: bool = False,
    levels: Sequence[Level] | None = None,
    progress: bool = False,
    on_start: Callable[[Stream, float], None] = lambda stream, begun_secs: None,
    on_block: Callable[[Block, float], None] = lambda block, secs: None,
) -> dict[str, Any]:
    """Generates clips into a directory, or resumes an unfinished generation there.

    The audio of the files and of `on_block` fades in and out; the ids in `codes.npz` are not
    changed, so that clips can be continued from them seamlessly.

    Args:
      directory: of the output; see `ada.generation.recording`.
      request: what is generated.
      configs: of all levels of the system, top first.
      settings: the result of `settings_of`.
      overwrite: whether the results of another command are replaced.
      levels: of the chain, if they are loaded already.
      progress: whether to show a progress bar.
      on_start: called with the stream and the seconds of audio generated before.
      on_block: called with each written block and the seconds of audio so far.

    Returns:
      The content of `sample.json`, and "is_new": whether anything was generated.

    Raises:
      UserError: if the directory has other content.
    """
    start = time.monotonic()
    with record(directory, request, settings, overwrite) as recording:
        if recording is None:
            return read_report(directory / REPORT) | {"is_new": False}
        begun_secs = recording.secs
        made = request.stream(
            configs,
            prefixes=recording.prefixes,
            batch_size=settings["lanes"],
            backend=settings["backend"],
            weights=settings["weights"],
            levels=levels,
            progress=progress,
        )
        on_start(made, begun_secs)
        for block in made:
            audio = faded(block.audio, recording.rate, block.start, request.num_steps)
            block = block._replace(audio=audio)
            recording.take(block)
            on_block(block, recording.secs)
        report = recording.finish(
            {
                "rounding_bits": [level.rounding_bits for level in made.levels],
                # The seconds and the factor are those of the generation after this point.
                "went_on_from_secs": round(begun_secs, 3),
                "seconds": round(time.monotonic() - start, 2),
                "drawing_seconds": round(made.seconds, 2),
                "level_seconds": [round(s, 2) for s in made.level_seconds],
                "real_time_factor": (
                    round(made.real_time_factor, 3) if made.num_generated else None
                ),
            }
        )
    return report | {"is_new": True}
