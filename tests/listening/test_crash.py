"""Many raters at once, and a server that dies among them: nothing is lost, nothing is doubled."""

import csv
import random
import resource
import sqlite3
import threading
from collections import Counter

from listening_support import Rater, Server, write_samples
from support import run

RATERS, CLIPS = 50, 3  # of each of three systems


def test_no_acknowledged_rating_is_lost(tmp_path):
    samples = write_samples(tmp_path / "samples", CLIPS)
    db = tmp_path / "ratings.sqlite"
    total = RATERS * CLIPS * 3
    acknowledged = threading.Semaphore(0)
    finished = []

    def rate_all(server, seed):
        rng = random.Random(seed)
        rater = Rater(server).begin()
        for heard in rater.session():
            status, _, content = rater.insist("GET", f"/clips/{heard['clip']}")
            assert status == 200 and content[:4] == b"RIFF"
            # Some think again: the later rating counts.
            for _ in range(rng.choice([1, 1, 1, 2])):
                assert rater.rate(heard["clip"], rng.randint(1, 5), rng.randint(1, 5)) == 204
            acknowledged.release()
        finished.append(rater)

    with Server(samples, db) as server:
        threads = [threading.Thread(target=rate_all, args=(server, k)) for k in range(RATERS)]
        for thread in threads:
            thread.start()
        for _ in range(2):
            for _ in range(total // 3):
                assert acknowledged.acquire(timeout=300)
            server.kill()
            server.start()
        for thread in threads:
            thread.join()
        assert len(finished) == RATERS
        for rater in finished:
            stored = {h["clip"]: (h["fidelity"], h["musicality"]) for h in rater.session()}
            assert stored == rater.acknowledged
        # Results can be had while the server runs.
        table = tmp_path / "ratings.csv"
        process = run("ada.listen", "results", f"--db={db}", f"--csv={table}")
        assert process.returncode == 0, process.stderr
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == len({(row["rater"], row["system"], row["clip"]) for row in rows}) == total
    assert set(Counter((row["system"], row["clip"]) for row in rows).values()) == {RATERS}
    given = Counter(rating for rater in finished for rating in rater.acknowledged.values())
    assert given == Counter((int(row["fidelity"]), int(row["musicality"])) for row in rows)
    with sqlite3.connect(db) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_rating_is_not_acknowledged_when_the_disk_is_full(tmp_path):
    samples = write_samples(tmp_path / "samples", 2)
    with Server(samples, tmp_path / "ratings.sqlite") as server:
        rater = Rater(server).begin()
        first, second, *_ = (heard["clip"] for heard in rater.session())
        assert rater.rate(first, 5, 4) == 204
        limits = server.process.pid, resource.RLIMIT_FSIZE
        before = resource.prlimit(*limits)
        resource.prlimit(*limits, (100, before[1]))
        assert rater.rate(second, 1, 1) == 503
        assert rater.rate(first, 1, 1) == 503
        resource.prlimit(*limits, before)
        assert rater.rate(second, 2, 3) == 204
        assert [tuple(h.values())[1:] for h in rater.session()[:3]] == [
            (5, 4),
            (2, 3),
            (None, None),
        ]
