"""Renders many pieces in several processes; complete pieces are not rendered again."""

import contextlib
import functools
import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from ada.rendering.manifest import NAME, Row, append_row, read_rows, write_rows
from ada.rendering.piece import Piece, RenderOptions, SkippedPiece, render_piece
from ada.utils import log
from ada.utils.errors import UserError
from ada.utils.files import exclusive, write_bytes_atomically
from ada.utils.jsonable import read_json_object
from ada.utils.made import claim, refuse_others
from ada.utils.progress import progress_bar

SETTINGS = "settings.json"
COMMAND = "ada.render_scores"
_TABLES = (SETTINGS, NAME, "LICENSES.md")


def render(
    pieces: Sequence[Piece], output_dir: Path, options: RenderOptions, num_jobs: int
) -> tuple[list[Row], list[SkippedPiece]]:
    """Renders pieces that are not complete.

    Args:
      pieces: to render, each into another file.
      output_dir: created if missing.
      options: what all pieces share.
      num_jobs: number of processes.

    Returns:
      The manifest's rows of the pieces, and the pieces that were skipped.

    Raises:
      UserError: the directory was rendered with other settings or is in use; a process died.
    """
    names = (*_TABLES, *(piece.file for piece in pieces))
    refuse_others(output_dir, COMMAND, names, _is_rendered)
    with exclusive(output_dir):
        claim(output_dir, COMMAND, names, _is_rendered)
        _keep_settings(output_dir, options)
        rows = read_rows(output_dir)
        write_rows(output_dir, rows.values())
        missing = [piece for piece in pieces if piece.file not in rows]
        if len(missing) < len(pieces):
            log.info(f"{len(pieces) - len(missing)} of {len(pieces)} pieces are complete.")
        function = functools.partial(render_piece, output_dir=output_dir, options=options)
        skipped = []
        with (
            contextlib.closing(_results(function, missing, num_jobs)) as results,
            progress_bar(
                total=len(missing), desc="Rendering", unit="piece", disable=not missing
            ) as bar,
        ):
            for result in results:
                bar.update()
                if isinstance(result, SkippedPiece):
                    skipped.append(result)
                else:
                    rows[result.file] = result
                    append_row(output_dir, result)
        write_rows(output_dir, rows.values())
    skipped.sort(key=lambda each: each.piece.file)
    return [rows[piece.file] for piece in pieces if piece.file in rows], skipped


def _is_rendered(output_dir: Path) -> bool:
    """Whether scores were rendered there before there were markers."""
    return all((output_dir / name).exists() for name in (SETTINGS, NAME))


def _results(
    function: Callable[[Piece], Row | SkippedPiece], pieces: Sequence[Piece], num_jobs: int
) -> Iterator[Row | SkippedPiece]:
    """The results, in any order."""
    if num_jobs == 1 or len(pieces) < 2:
        yield from map(function, pieces)
        return
    pool = ProcessPoolExecutor(
        min(num_jobs, len(pieces)), multiprocessing.get_context("spawn"), _ignore_interrupts
    )
    try:
        for future in as_completed([pool.submit(function, piece) for piece in pieces]):
            yield future.result()
    except BrokenProcessPool as error:
        raise UserError(
            "A rendering process was killed, perhaps because memory ran out. Run the command again "
            "with fewer --jobs: complete pieces are kept."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    """Leaves Ctrl-C to the main process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _keep_settings(output_dir: Path, options: RenderOptions) -> None:
    """Writes the settings, or checks that those of an earlier run are the same."""
    settings = {
        "seed": options.seed,
        "sample_rate": options.sample_rate,
        "soundfont": options.soundfont.name,
    }
    path = output_dir / SETTINGS
    if not path.exists():
        write_bytes_atomically(path, (json.dumps(settings, indent=2) + "\n").encode())
        return
    try:
        earlier = read_json_object(path)
    except UserError as error:
        raise UserError(f"{error} Use another --output_dir.") from error
    for name, value in settings.items():
        if earlier.get(name) != value:
            raise UserError(
                f"{output_dir} was rendered with --{name}={earlier.get(name)}, not {value}: use "
                "the same, or another --output_dir."
            )
