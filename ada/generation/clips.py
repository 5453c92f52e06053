"""Clips in a directory, with all that decides them: what `ada.sample` and `ada.play` both do."""

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
    """All that decides the clips of a request, as `sample.json` holds it.

    Args:
      request: what is generated.
      configs: of all levels of the system, top first.
      mode: of sampling.
      given: what it starts from.
      run_dirs: of the system as the user names them; or the name of a pretrained one.
      batch_size: see `ada.generation.load_levels`; so are the rest.
      backend: what computes the loops.
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
    """Generates clips into a directory, or resumes what was begun there.

    Their ends are faded, block by block, in what is written and in what `on_block` gets alike; ids
    stay exact, so that clips can be continued from `codes.npz` without a trace.

    Args:
      directory: of the output; see `ada.generation.recording`.
      request: what is generated.
      configs: of all levels of the system, top first.
      settings: what `settings_of` says of the same.
      overwrite: whether the results of another command are replaced.
      levels: compiled ones of the chain, instead of loading them.
      progress: whether to show a progress bar.
      on_start: called with the stream and the seconds that are there already.
      on_block: called with each block after it was written, and the seconds that are there then.

    Returns:
      The report, `sample.json`. It has "is_new", which the file has not: whether anything was made.

    Raises:
      UserError: if the directory holds something else.
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
                # The seconds and the factor are of what was generated after this.
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
