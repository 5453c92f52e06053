"""The ratings of a listening test: an SQLite file that a crash leaves whole.

Whatever a method has returned from is on the disk (WAL, synchronous=FULL), each rating in a
transaction of its own. A rater is a number and the digest of a random token: no name, no address.
"""

import contextlib
import hashlib
import re
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from ada.listening.order import draw_order
from ada.utils.errors import UserError, first_line

# "ada" and a number, by which SQLite files of this kind know each other.
_APPLICATION, _VERSION = 0x61646101, 1
_MARKS = ("application_id", "user_version")
# What SQLite says, and the way out.
_WAYS_OUT = {
    "full": "make room; what was stored is kept",
    "I/O": "see to the disk; what was stored is kept",
    "locked": "stop the other process that writes to it",
    "": "name another --db",
}
# So many may begin for each that is wanted: somebody who only begins takes no place.
_BEGUN_A_RATER = 20
_KEY = re.compile(r"[A-Za-z0-9_-]{22}")
_SCHEMA = (
    "CREATE TABLE study (name TEXT NOT NULL, target_lufs REAL NOT NULL)",
    "CREATE TABLE clips (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, system TEXT NOT NULL, "
    "name TEXT NOT NULL, digest TEXT NOT NULL, gain_db REAL NOT NULL, UNIQUE (system, name))",
    "CREATE TABLE raters (id INTEGER PRIMARY KEY, token_digest TEXT NOT NULL UNIQUE, "
    "seed INTEGER NOT NULL)",
    "CREATE TABLE orders (rater INTEGER NOT NULL REFERENCES raters, position INTEGER NOT NULL, "
    "clip INTEGER NOT NULL REFERENCES clips, PRIMARY KEY (rater, position), UNIQUE (rater, clip))",
    "CREATE TABLE ratings (rater INTEGER NOT NULL, clip INTEGER NOT NULL, "
    "fidelity INTEGER NOT NULL CHECK (fidelity BETWEEN 1 AND 5), "
    "musicality INTEGER NOT NULL CHECK (musicality BETWEEN 1 AND 5), hour TEXT NOT NULL, "
    "PRIMARY KEY (rater, clip), FOREIGN KEY (rater, clip) REFERENCES orders (rater, clip))",
)


class StoredClip(NamedTuple):
    """A clip as the test knows it; `gain_db` brings it to the loudness of all."""

    system: str
    name: str
    digest: str
    gain_db: float


class Rating(NamedTuple):
    """What a rater gave a clip, 1 to 5, and the hour (UTC) in which."""

    rater: int
    system: str
    clip: str
    fidelity: int
    musicality: int
    hour: str


class Heard(NamedTuple):
    """A clip of a rater, by its key, and how it was rated; None for not yet."""

    clip: str
    fidelity: int | None
    musicality: int | None


class Store:
    """The file. Threads may share it; other processes may read it meanwhile.

    Args:
      path: of the file.
      create: whether to make it if it is missing; otherwise it is only read.

    Raises:
      UserError: there is none, or it is something else.
    """

    def __init__(self, path: str | Path, create: bool = False) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        if create:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        elif not self.path.is_file():
            raise UserError(f"{path}: there are no ratings; name the --db of ada.listen serve.")
        uri = f"{self.path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
        with self._told():
            self._db = sqlite3.connect(
                uri, uri=True, timeout=30, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute("PRAGMA synchronous = FULL")
            tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            self.is_new = not tables
            marks = [self._db.execute(f"PRAGMA {n}").fetchone()[0] for n in _MARKS]
        if tables and marks[0] != _APPLICATION:
            raise UserError(f"{path} is no file of ratings: name another --db.")
        if tables and marks[1] != _VERSION:
            raise UserError(
                f"{path} is of version {marks[1]} and this is {_VERSION}: use the ada that made it."
            )
        if self.is_new and not create:
            raise UserError(f"{path}: there are no ratings; name the --db of ada.listen serve.")
        if create:
            # Only now: files of others stay as they are.
            with self._told():
                self._db.execute("PRAGMA journal_mode = WAL")

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def create(self, clips: Sequence[StoredClip], target_lufs: float) -> None:
        """Begins a test of some clips; its set of clips never changes."""
        with self._transaction() as db:
            for statement in _SCHEMA:
                db.execute(statement)
            for name, value in zip(_MARKS, (_APPLICATION, _VERSION), strict=True):
                db.execute(f"PRAGMA {name} = {value}")
            db.execute("INSERT INTO study VALUES (?, ?)", (secrets.token_hex(4), target_lufs))
            rows = [(_new_key(), *clip) for clip in clips]
            db.executemany(
                "INSERT INTO clips (key, system, name, digest, gain_db) VALUES (?, ?, ?, ?, ?)",
                rows,
            )
        self.is_new = False

    @property
    def study(self) -> tuple[str, float]:
        """A random name of the test, and the loudness of its clips in LUFS."""
        return self._all("SELECT name, target_lufs FROM study")[0]

    def clips(self) -> dict[str, StoredClip]:
        """All clips by key, in their order."""
        rows = self._all("SELECT key, system, name, digest, gain_db FROM clips ORDER BY id")
        return {key: StoredClip(*rest) for key, *rest in rows}

    def num_raters(self) -> int:
        """How many have begun."""
        return self._all("SELECT count(*) FROM raters")[0][0]

    def add_rater(self, rounds: int, max_raters: int) -> str | None:
        """Lets somebody begin: draws a seed and an order (`draw_order`).

        Returns:
          The token by which the rater is known, or None if `max_raters` have rated already (or
          many times as many have begun and left).
        """
        token, seed = _new_key(), secrets.randbits(62)
        with self._transaction() as db:
            [begun] = db.execute("SELECT count(*) FROM raters").fetchone()
            [rated] = db.execute("SELECT count(DISTINCT rater) FROM ratings").fetchone()
            if rated >= max_raters or begun >= _BEGUN_A_RATER * max_raters:
                return None
            systems: dict[str, list[int]] = {}
            for clip, system in db.execute("SELECT id, system FROM clips ORDER BY id"):
                systems.setdefault(system, []).append(clip)
            order = draw_order(systems, self._expected_ratings(db), rounds, seed)
            added = db.execute(
                "INSERT INTO raters (token_digest, seed) VALUES (?, ?)", (_digest(token), seed)
            )
            rows = [(added.lastrowid, position, clip) for position, clip in enumerate(order)]
            db.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
        return token

    def _expected_ratings(self, db: sqlite3.Connection) -> dict[int, float]:
        """How many ratings each clip will have had from those who have begun.

        Of what is not rated yet, the share that has been rated so far: some raters leave.
        """
        given = dict(db.execute("SELECT clip, count(*) FROM orders GROUP BY clip"))
        rated = dict(db.execute("SELECT clip, count(*) FROM ratings GROUP BY clip"))
        # As if one clip of each had been given and rated: at the beginning all are at it.
        share = (len(given) + sum(rated.values())) / max(len(given) + sum(given.values()), 1)
        had = {clip: rated.get(clip, 0) for clip in given}
        return {clip: had[clip] + share * (given[clip] - had[clip]) for clip in given}

    def session(self, token: str) -> list[Heard]:
        """The clips of a rater in order; none if the token is nobody's."""
        rows = self._all(
            "SELECT key, fidelity, musicality FROM raters JOIN orders ON orders.rater = raters.id "
            "JOIN clips ON clips.id = orders.clip LEFT JOIN ratings "
            "ON ratings.rater = orders.rater AND ratings.clip = orders.clip "
            "WHERE token_digest = ? ORDER BY position",
            (_digest(token),),
        )
        return [Heard(*row) for row in rows]

    def rate(self, token: str, clip: str, fidelity: int, musicality: int) -> bool:
        """Stores a rating; a later one of the same clip by the same rater takes its place.

        Returns:
          Whether it was stored; not if the token is nobody's or the clip is not among the rater's.
        """
        hour = datetime.now(timezone.utc).strftime("%Y-%m-%dT%HZ")
        with self._transaction() as db:
            stored = db.execute(
                "INSERT INTO ratings SELECT orders.rater, orders.clip, ?, ?, ? FROM raters "
                "JOIN orders ON orders.rater = raters.id JOIN clips ON clips.id = orders.clip "
                "WHERE token_digest = ? AND key = ? "
                "ON CONFLICT (rater, clip) DO UPDATE SET fidelity = excluded.fidelity, "
                "musicality = excluded.musicality, hour = excluded.hour",
                (fidelity, musicality, hour, _digest(token), clip),
            )
        return stored.rowcount == 1

    def ratings(self) -> list[Rating]:
        """All ratings, by rater and in the order in which each heard the clips."""
        rows = self._all(
            "SELECT ratings.rater, system, name, fidelity, musicality, hour FROM ratings "
            "JOIN clips ON clips.id = ratings.clip JOIN orders "
            "ON orders.rater = ratings.rater AND orders.clip = ratings.clip "
            "ORDER BY ratings.rater, position"
        )
        return [Rating(*row) for row in rows]

    def systems(self) -> list[str]:
        """Names of the systems, in their order."""
        return list(dict.fromkeys(clip.system for clip in self.clips().values()))

    def require_clips(self, clips: Sequence[tuple[str, str, str]]) -> None:
        """Raises UserError unless these are the (system, name, digest) of the test's clips."""
        ours = {(c.system, c.name): c.digest for c in self.clips().values()}
        theirs = {(system, name): digest for system, name, digest in clips}
        other = {
            "missing": sorted(ours.keys() - theirs.keys()),
            "new": sorted(theirs.keys() - ours.keys()),
            "changed": sorted(k for k in ours.keys() & theirs.keys() if ours[k] != theirs[k]),
        }
        told = [
            f"{len(found)} {how} ({'/'.join(found[0])})" for how, found in other.items() if found
        ]
        if told:
            raise UserError(
                f"{self.path} was begun with other clips: {', '.join(told)}. Serve those that it "
                "was begun with, or name another --db for these."
            )

    def _all(self, query: str, values: tuple = ()) -> list[tuple]:
        with self._lock, self._told():
            return self._db.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """What is done within is on the disk on leaving, or nothing of it is."""
        with self._lock, self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # mistakes of ours
        except sqlite3.Error as error:
            text = first_line(error)
            ways_out = (way for said, way in _WAYS_OUT.items() if said in text)
            raise UserError(f"{self.path}: {text}: {next(ways_out)}.") from error


def is_key(text: str) -> bool:
    """Whether something may be a token of a rater or the key of a clip."""
    return _KEY.fullmatch(text) is not None


def _new_key() -> str:
    return secrets.token_urlsafe(16)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
