"""A listening test: people rate clips of several systems in a browser; and its results.

    python -m ada.listen serve --samples=samples --db=ratings.sqlite
    python -m ada.listen results --db=ratings.sqlite --csv=ratings.csv
    python -m ada.listen strike --db=ratings.sqlite --rater=17

serve: raters hear clips blind, at one loudness, each in an order of their own, and rate fidelity
and musicality from 1 to 5. Who leaves the page comes back to the same place. Stopped in any way,
the same command resumes; a --db belongs to the clips that it was begun with.

Whoever reaches the server may rate. With --invitations=20 it makes this number of links, each for
one rater, and nobody rates without one; given again, it makes more.

results: the table of means; can be had while the server runs.

strike: leaves a rater (a number in the first column of --csv) out of all results for good.
"""

from pathlib import Path

from absl import flags

from ada.cli import commands, value_flags
from ada.utils import extras
from ada.utils.errors import UsageError

FLAGS = flags.FLAGS
value_flags.define_named_paths(
    "samples",
    [],
    "A directory with one folder of WAV, FLAC or MP3 files per system, or name=directory,"
    "name=directory.",
)
value_flags.define_path("db", "ratings.sqlite", "The file of the ratings; made if it is missing.")
flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; 0.0.0.0 admits other machines.")
flags.DEFINE_integer("port", 8000, "Port to listen on; 0 takes a free one.", 0, 65535)
value_flags.define_count(
    "clips_per_system",
    None,
    "Number of clips of each system per rater. Default: as many as the smallest system has.",
    lower_bound=1,
)
value_flags.define_count("max_raters", 1000, "Maximum number of raters.", lower_bound=1)
value_flags.define_count(
    "invitations", None, "serve: number of links, without which nobody may rate."
)
flags.DEFINE_integer("rater", None, "strike: the number of a rater.", 1, 2**63 - 1)
flags.DEFINE_bool("https", False, "Behind a proxy with TLS: restricts the cookie to HTTPS.")
value_flags.define_path("csv", None, "results: a file for all single ratings.")
value_flags.define_path("summary_csv", None, "results: a file for the table.")


def main(argv: list[str]) -> None:
    """Runs the command."""
    actions = {"serve": serve, "results": results, "strike": strike}
    if len(argv) < 2 or argv[1] not in actions:
        raise UsageError(f"say which: {' or '.join(actions)}")
    with extras.needed("listen"):
        actions[argv[1]]()


def results() -> None:
    """Prints the table and writes the files asked for."""
    given = [path for path in (FLAGS.db, FLAGS.csv, FLAGS.summary_csv) if path]
    if len({Path(path).resolve() for path in given}) < len(given):
        raise UsageError(f"{', '.join(given)}: --db, --csv and --summary_csv are different files")
    from ada.listening import Store, summarise, table
    from ada.listening.results import ratings_csv, summary_csv
    from ada.utils.files import write_bytes_atomically

    store = Store(FLAGS.db)
    ratings = store.ratings()
    rows = summarise(ratings, store.systems())
    if FLAGS.csv:
        write_bytes_atomically(FLAGS.csv, ratings_csv(ratings).encode())
    if FLAGS.summary_csv:
        write_bytes_atomically(FLAGS.summary_csv, summary_csv(rows).encode())
    print(table(rows))


def strike() -> None:
    """Strikes a rater out."""
    if FLAGS.rater is None:
        raise UsageError("strike needs --rater")
    from ada.listening import Store

    count = Store(FLAGS.db).strike(FLAGS.rater)
    print(f"Rater {FLAGS.rater} is struck out, with {count} ratings.")


def serve() -> None:
    """Serves until it is stopped."""
    if not FLAGS.samples:
        raise UsageError("serve needs --samples")
    from ada.listening import Store, find_clips

    clips = find_clips(FLAGS.samples)
    from ada.listening.server import make_app
    from ada.listening.study import count_rounds, prepare
    from ada.web import connections
    from ada.web.protection import listen_on

    rounds = count_rounds(clips, FLAGS.clips_per_system)
    listening = listen_on(FLAGS.host, FLAGS.port)
    store = Store(FLAGS.db, create=True)
    files = prepare(store, clips)
    server = connections.make_server(
        make_app(store, files, rounds, FLAGS.max_raters, FLAGS.https), listening
    )
    num_systems = len(store.systems())
    host = f"[{FLAGS.host}]" if ":" in FLAGS.host else FLAGS.host
    print(
        f"{num_systems} systems, {len(clips)} clips at {store.study[1]:.1f} LUFS; a rater hears "
        f"{rounds * num_systems}. Ratings go to {FLAGS.db}; {store.num_raters()} have begun.\n"
        f"Open http://{host}:{listening.getsockname()[1]} (Ctrl-C stops; the same command resumes)",
        flush=True,
    )
    for key in store.invite(FLAGS.invitations) if FLAGS.invitations else ():
        print(f"Invitation: http://{host}:{listening.getsockname()[1]}/#{key}", flush=True)
    connections.serve(server)


if __name__ == "__main__":
    commands.run(main, tensorflow=False, arguments=1)
