"""The tables of the file of ratings."""

# "ada" and a number, by which SQLite files of this kind know each other.
APPLICATION, VERSION = 0x61646101, 1
MARKS = ("application_id", "user_version")
SCHEMA = (
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
# Tables that earlier files lack.
LATER = (
    "CREATE TABLE IF NOT EXISTS invitations (key_digest TEXT PRIMARY KEY, rater INTEGER)",
    "CREATE TABLE IF NOT EXISTS struck (rater INTEGER PRIMARY KEY)",
)
