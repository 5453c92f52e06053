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
from ada.listening.schema import APPLICATION, LATER, MARKS, SCHEMA, VERSION
from ada.utils.errors import UserError, first_line

# Parts of SQLite's messages, and hints.
_HINTS = {
    "full": "make room; what was stored is kept",
    "I/O": "see to the disk; what was stored is kept",
    "locked": "stop the other process that writes to it",
    "": "name another --db",
}
# Raters without a rating that are kept for each rater that is wanted, and at most: of
# more, the oldest are forgotten. Somebody who only begins takes nobody's place.
_BEGUN_A_RATER, _MOST_BEGUN = 20, 1000
_KEY = re.compile(r"[A-Za-z0-9_-]{22}")


class StoredClip(NamedTuple):
    """A clip as the test knows it; `gain_db` brings it to the loudness of all."""

    system: str
    name: str
    digest: str
    gain_db: float


class Rating(NamedTuple):
    """A rater's scores of a clip, 1 to 5, and their hour (UTC)."""

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
        with self._readable_errors():
            self._db = sqlite3.connect(
                uri, uri=True, timeout=30, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute("PRAGMA synchronous = FULL")
            tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            self.is_new = not tables
            marks = [self._db.execute(f"PRAGMA {n}").fetchone()[0] for n in MARKS]
        if tables and marks[0] != APPLICATION:
            raise UserError(f"{path} is not a file of ratings: name another --db.")
        if tables and marks[1] != VERSION:
            raise UserError(
                f"{path} is of version {marks[1]} and this is {VERSION}: use the ada that made it."
            )
        if self.is_new and not create:
            raise UserError(f"{path}: there are no ratings; name the --db of ada.listen serve.")
        if create:
            # Only now: files of others stay as they are.
            with self._readable_errors():
                self._db.execute("PRAGMA journal_mode = WAL")
            if not self.is_new:
                self._add_later_tables()

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def create(self, clips: Sequence[StoredClip], target_lufs: float) -> None:
        """Begins a test of some clips; its set of clips never changes."""
        with self._transaction() as db:
            for statement in (*SCHEMA, *LATER):
                db.execute(statement)
            for name, value in zip(MARKS, (APPLICATION, VERSION), strict=True):
                db.execute(f"PRAGMA {name} = {value}")
            db.execute("INSERT INTO study VALUES (?, ?)", (secrets.token_hex(4), target_lufs))
            rows = [(_new_key(), *clip) for clip in clips]
            db.executemany(
                "INSERT INTO clips (key, system, name, digest, gain_db) VALUES (?, ?, ?, ?, ?)",
                rows,
            )
        self.is_new = False

    def _add_later_tables(self) -> None:
        with self._transaction() as db:
            for statement in LATER:
                db.execute(statement)

    def _has(self, table: str) -> bool:
        return bool(self._all("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)))

    @property
    def study(self) -> tuple[str, float]:
        """A random name of the test, and the loudness of its clips in LUFS."""
        return self._all("SELECT name, target_lufs FROM study")[0]

    def clips(self) -> dict[str, StoredClip]:
        """All clips by key, in their order."""
        rows = self._all("SELECT key, system, name, digest, gain_db FROM clips ORDER BY id")
        return {key: StoredClip(*rest) for key, *rest in rows}

    def num_raters(self) -> int:
        """Number of raters that have begun."""
        return self._all("SELECT count(*) FROM raters")[0][0]

    def invite(self, count: int) -> list[str]:
        """Makes invitations, each for one rater; from then on nobody begins without one.

        Returns:
          Their keys, which are nowhere else.
        """
        self._add_later_tables()
        keys = [_new_key() for _ in range(count)]
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO invitations (key_digest) VALUES (?)", [(_digest(k),) for k in keys]
            )
        return keys

    def num_invitations(self) -> int:
        """Number of invitations."""
        return self._all("SELECT count(*) FROM invitations")[0][0]

    def invites(self, invitation: str | None) -> bool:
        """Whether somebody with this invitation, or with none, may begin."""
        if not self.num_invitations():
            return True
        found = "SELECT 1 FROM invitations WHERE key_digest = ?"
        return invitation is not None and bool(self._all(found, (_digest(invitation),)))

    def strike(self, rater: int) -> int:
        """Leaves a rater's ratings out of all results, and takes no more from them.

        Returns:
          How many ratings that were.

        Raises:
          UserError: if there is no such rater.
        """
        self._add_later_tables()
        with self._transaction() as db:
            if not db.execute("SELECT 1 FROM raters WHERE id = ?", (rater,)).fetchone():
                raise UserError(f"{self.path} knows no rater {rater}: see the numbers in --csv.")
            db.execute("INSERT OR IGNORE INTO struck VALUES (?)", (rater,))
            found = "SELECT count(*) FROM ratings WHERE rater = ?"
            return db.execute(found, (rater,)).fetchone()[0]

    def add_rater(self, rounds: int, max_raters: int, invitation: str | None = None) -> str | None:
        """Adds a rater, with a random seed and an order of clips (`draw_order`).

        If an invitation is used again, its rater continues.

        Returns:
          The token by which the rater is known, or None if `max_raters` have rated already.
        """
        token, seed = _new_key(), secrets.randbits(62)
        with self._transaction() as db:
            used_by = "SELECT rater FROM invitations WHERE key_digest = ? AND rater NOT NULL"
            digest = invitation and _digest(invitation)
            for (rater,) in db.execute(used_by, (digest,)).fetchall():
                new = (_digest(token), rater)
                if db.execute("UPDATE raters SET token_digest = ? WHERE id = ?", new).rowcount:
                    return token
            rated = "SELECT count(DISTINCT rater) FROM ratings WHERE rater NOT IN struck"
            if db.execute(rated).fetchone()[0] >= max_raters:
                return None
            self._forget(db, min(_BEGUN_A_RATER * max_raters, _MOST_BEGUN) - 1)
            systems: dict[str, list[int]] = {}
            for clip, system in db.execute("SELECT id, system FROM clips ORDER BY id"):
                systems.setdefault(system, []).append(clip)
            order = draw_order(systems, self._expected_ratings(db), rounds, seed)
            added = db.execute(
                "INSERT INTO raters (token_digest, seed) VALUES (?, ?)", (_digest(token), seed)
            )
            rows = [(added.lastrowid, position, clip) for position, clip in enumerate(order)]
            db.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
            used = "UPDATE invitations SET rater = ? WHERE key_digest = ?"
            db.execute(used, (added.lastrowid, digest))
        return token

    def _forget(self, db: sqlite3.Connection, kept: int) -> None:
        """Forgets those who have rated nothing, but for the newest."""
        waiting = (
            "SELECT id FROM raters WHERE id NOT IN (SELECT rater FROM ratings) "
            "ORDER BY id DESC LIMIT -1 OFFSET ?"
        )
        for (rater,) in db.execute(waiting, (kept,)).fetchall():
            db.execute("DELETE FROM orders WHERE rater = ?", (rater,))
            db.execute("DELETE FROM raters WHERE id = ?", (rater,))

    def _expected_ratings(self, db: sqlite3.Connection) -> dict[int, float]:
        """Expected number of ratings of each clip by the raters that have begun.

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
                "WHERE token_digest = ? AND key = ? AND raters.id NOT IN struck "
                "ON CONFLICT (rater, clip) DO UPDATE SET fidelity = excluded.fidelity, "
                "musicality = excluded.musicality, hour = excluded.hour",
                (fidelity, musicality, hour, _digest(token), clip),
            )
        return stored.rowcount == 1

    def ratings(self) -> list[Rating]:
        """All ratings, by rater and in the order in which each heard the clips; of raters that were
        struck out none.
        """
        struck = "WHERE ratings.rater NOT IN struck " if self._has("struck") else ""
        rows = self._all(
            "SELECT ratings.rater, system, name, fidelity, musicality, hour FROM ratings "
            "JOIN clips ON clips.id = ratings.clip JOIN orders "
            f"ON orders.rater = ratings.rater AND orders.clip = ratings.clip {struck}"
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
        message = [
            f"{len(found)} {how} ({'/'.join(found[0])})" for how, found in other.items() if found
        ]
        if message:
            raise UserError(
                f"{self.path} was begun with other clips: {', '.join(message)}. Serve those that "
                "it was begun with, or name another --db for these."
            )

    def _all(self, query: str, values: tuple = ()) -> list[tuple]:
        with self._lock, self._readable_errors():
            return self._db.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed to the disk at the end of the context, or rolled back."""
        with self._lock, self._readable_errors():
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
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # mistakes of ours
        except sqlite3.Error as error:
            text = first_line(error)
            hints = (way for said, way in _HINTS.items() if said in text)
            raise UserError(f"{self.path}: {text}: {next(hints)}.") from error


def is_key(text: str) -> bool:
    """Whether something may be a token of a rater or the key of a clip."""
    return _KEY.fullmatch(text) is not None


def _new_key() -> str:
    return secrets.token_urlsafe(16)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
