"""Opens a page on this machine to make music with.

    python -m ada.play
    python -m ada.play --runs=runs --output_dir=clips

New music, more of your own, variations, and your own music through the codes; with the pretrained
systems and with your runs. Every clip is kept in a folder of --output_dir, with the command that
makes it again. Nobody but this machine reaches the page. Ctrl-C ends it.
"""

import webbrowser
from pathlib import Path

from absl import flags

from ada.cli import commands, value_flags
from ada.utils import extras

FLAGS = flags.FLAGS
value_flags.define_path("runs", "runs", "A folder with runs; systems in it can be chosen.")
value_flags.define_path("output_dir", "clips", "Folder for clips.")
flags.DEFINE_integer("port", 7860, "Port of the page; 0 takes a free one.", 0, 65535)
flags.DEFINE_bool("browser", True, "Open the page in the browser.")


def check() -> None:
    """Raises UserError for mistakes that can be found without TensorFlow."""
    from ada.utils.files import require_local

    require_local(FLAGS.output_dir)


def main(argv: list[str]) -> None:
    """Serves until it is stopped."""
    del argv
    with extras.needed("play"):
        from ada.playing.jobs import JobQueue
        from ada.playing.server import MOST_BYTES, make_app
        from ada.web.connections import make_server, serve
        from ada.web.protection import listen_on
    from ada.playing.systems import find_systems

    systems = find_systems(FLAGS.runs)
    listening = listen_on("127.0.0.1", FLAGS.port)
    port = listening.getsockname()[1]
    output_dir = Path(FLAGS.output_dir)
    app = make_app(JobQueue(output_dir), systems, output_dir)
    server = make_server(app, listening, MOST_BYTES)
    url = f"http://127.0.0.1:{port}"
    print(
        f"{len(systems)} systems; clips are kept in {output_dir}.\nOpen {url} (Ctrl-C ends it)",
        flush=True,
    )
    if FLAGS.browser:
        webbrowser.open(url)
    serve(server)


if __name__ == "__main__":
    commands.run(main, check)
