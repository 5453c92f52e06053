"""The web application of `ada play`, for one person on this machine.

GET  /                     the page; what it consists of is under /static/
GET  /state                systems, clips that are kept, and what is in the making
POST /systems/load         loads a system, so that the next clip of it begins sooner
POST /uploads              a sound file; answers with its name
POST /jobs                 settings of a clip; answers with the job
POST /jobs/<number>/stop   ends a job
GET  /jobs/<number>/sound  WAV that grows while it is made
GET  /clips/<name>/<file>  a file of a clip that is kept

Requests of other sites are refused: by `Origin` and `Host` (`refuse_other_sites`), and since they
cannot send JSON or `application/octet-stream` without being asked first (CORS). Errors are
plain text.
"""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flask

from ada.audio import AudioError, encoded_bytes, read_audio
from ada.audio.writing import wav_header
from ada.generation.results import PAGE, REPORT, is_report, read_report
from ada.playing.clip_spec import ClipSpec
from ada.playing.jobs import Job, JobQueue
from ada.playing.systems import System
from ada.utils.errors import UserError
from ada.web.protection import protect, refuse_other_sites

MOST_SECS, MOST_BYTES = 120.0, 50 * 2**20
_KEPT_SHOWN = 50
_UPLOADS = "sounds"
_MIMETYPES = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg"}
# Least and most of each number.
_NUMBERS = {
    "secs": (0.5, MOST_SECS),
    "listenSecs": (0.5, MOST_SECS),
    "temperature": (0.1, 2.0),
    "topP": (0.05, 1.0),
    "seed": (0, 2**31 - 1),
    "levels": (1, 8),
}


def make_app(queue: JobQueue, systems: Mapping[str, System], output_dir: Path) -> flask.Flask:
    """Makes the application.

    Args:
      queue: makes the clips.
      systems: by name.
      output_dir: of the clips.
    """
    app = flask.Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    protect(app)
    uploads = output_dir / _UPLOADS

    app.before_request(refuse_other_sites)

    @app.get("/")
    def page() -> flask.Response:
        return app.send_static_file("index.html")

    @app.get("/state")
    def state() -> dict:
        return {
            "systems": [system.described() for system in systems.values()],
            "clips": _kept(output_dir),
            "jobs": [job.described() for job in queue.present()],
        }

    @app.post("/systems/load")
    def load() -> tuple[dict, int]:
        system = systems.get(str(_object(flask.request.get_json()).get("system")))
        if system is None:
            flask.abort(400, "There is no such system.")
        queue.load(system)
        return {}, 202

    @app.post("/uploads")
    def upload() -> tuple[dict, int]:
        if flask.request.mimetype != "application/octet-stream":
            flask.abort(415, "A sound is sent as application/octet-stream.")
        title = re.sub(r"[^\w.-]+", "-", flask.request.args.get("title", "sound"))[-60:].strip(".-")
        path = uploads / secrets.token_hex(4) / (title or "sound")
        path.parent.mkdir(parents=True)
        path.write_bytes(flask.request.get_data())
        try:
            secs = len(read_audio(str(path), 16000, max_secs=MOST_SECS)) / 16000
        except AudioError as error:
            path.unlink()
            path.parent.rmdir()
            flask.abort(400, f"This sound cannot be read: {error.detail}.")
        return {"name": path.parent.name, "secs": secs}, 201

    @app.post("/jobs")
    def ask() -> tuple[dict, int]:
        spec = _spec_of(flask.request.get_json(), systems, output_dir)
        return queue.ask(spec).described(), 201

    def job_of(number: int) -> Job:
        return queue.job(number) or flask.abort(404, "There is no such clip.")

    @app.get("/jobs/<int:number>")
    def job(number: int) -> dict:
        return job_of(number).described()

    @app.post("/jobs/<int:number>/stop")
    def stop(number: int) -> dict:
        flask.request.get_json()
        queue.stop(job_of(number))
        return job_of(number).described()

    @app.get("/jobs/<int:number>/sound")
    def sound(number: int) -> flask.Response:
        found = job_of(number)
        blocks = found.sound()
        first = next(blocks, None)
        if first is None:
            flask.abort(404, found.error or "Nothing was made.")

        def stream():  # noqa: ANN202 - of bytes
            yield wav_header(found.num_steps, found.spec.system.sample_rate)
            yield first.tobytes()
            for samples in blocks:
                yield samples.tobytes()

        return flask.Response(stream(), mimetype="audio/wav")

    @app.get("/clips/<name>/<file>")
    def clip(name: str, file: str) -> flask.Response:
        folder = output_dir / name
        report = _report(output_dir, name)
        if report is None or file not in ("clip.wav", "clip.flac", "clip.mp3", PAGE):
            flask.abort(404)
        if file == PAGE:
            # The page has scripts inside; its own policy lets nothing else in.
            response = flask.send_file(folder.resolve() / PAGE)
            response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
            return response
        path = folder.resolve() / report["wavs"][0]
        rate, form = report["sample_rate"], file.removeprefix("clip.")
        if path.suffix == f".{form}":
            return flask.send_file(path, download_name=path.name, conditional=True)
        content = encoded_bytes(read_audio(str(path), rate), rate, form)
        return flask.Response(content, mimetype=_MIMETYPES[form])

    @app.errorhandler(UserError)
    def fail(error: UserError) -> flask.Response:
        return flask.Response(f"{error}\n", 503, mimetype="text/plain")

    return app


def _spec_of(given: Any, systems: Mapping[str, System], output_dir: Path) -> ClipSpec:
    """The settings that a request holds; aborts with 400 and says what is wrong."""
    given, numbers = _object(given), {}
    for name, (least, most) in _NUMBERS.items():
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            flask.abort(400, f"{name} must be a number.")
        if not least <= value <= most:
            flask.abort(400, f"{name} must lie between {least:g} and {most:g}.")
        numbers[name] = value
    system = systems.get(str(given.get("system")))
    mode = given.get("mode")
    if system is None or mode not in ("new", "continue", "variation", "translate"):
        flask.abort(400, "Choose a system, and what it is to do.")
    if mode == "translate" and not system.num_decoders:
        flask.abort(400, f"{system.name} has no codes: choose another system.")
    if mode != "translate" and not system.has_prior:
        flask.abort(400, f"{system.name} can only translate: it has no prior.")
    return ClipSpec(
        mode,
        system,
        float(numbers.get("secs", 5.0)),
        int(numbers.get("seed", secrets.randbelow(10**6))),
        float(numbers.get("temperature", system.values[0][0])),
        float(numbers.get("topP", system.values[-1][1])),
        None if mode == "new" else _prompt(given, output_dir),
        float(numbers.get("listenSecs", 5.0)),
        min(int(numbers.get("levels", 1)), max(system.num_decoders, 1)),
    )


def _object(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        flask.abort(400, "The settings must be a JSON object.")
    return given


def _prompt(given: Mapping[str, Any], output_dir: Path) -> str:
    """The path of an upload, or of a clip that is kept."""
    sound, clip = (str(given.get(name, "")) for name in ("sound", "clip"))
    if _is_name(sound):
        for path in (output_dir / _UPLOADS / sound).glob("*"):
            return str(path)
    report = _report(output_dir, clip)
    if report is None:
        flask.abort(400, "Choose a sound first.")
    return str(output_dir / clip / report["wavs"][0])


def _is_name(text: str) -> bool:
    """Whether a text names something in a folder, and leads nowhere else."""
    return text not in ("", ".", "..") and Path(text).name == text


def _report(output_dir: Path, name: str) -> dict[str, Any] | None:
    """The report of `ada.sample` in the folder of a clip; None for other folders."""
    report = read_report(output_dir / name / REPORT) if _is_name(name) else None
    return report if report and is_report(report) else None


def _kept(output_dir: Path) -> list[dict[str, Any]]:
    """The clips that are kept, the newest first."""
    folders = [path.parent for path in output_dir.glob(f"*/{REPORT}")]
    folders.sort(key=lambda path: (path / REPORT).stat().st_mtime, reverse=True)
    reports = ((folder, _report(output_dir, folder.name)) for folder in folders[:_KEPT_SHOWN])
    return [
        {"name": folder.name, "secs": report["duration_secs"], "seed": report["seed"]}
        for folder, report in reports
        if report is not None
    ]
