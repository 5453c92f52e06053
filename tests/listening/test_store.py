"""Ratings in their file."""

import random
import sqlite3
import threading
from collections import Counter

import pytest

from ada.listening import Store
from ada.listening.store import StoredClip, is_key
from ada.utils.errors import UserError

CLIPS = [StoredClip(s, f"{k}.wav", f"{s}{k}", 0.0) for s in "ab" for k in range(5)]


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "ratings.sqlite", create=True)
    store.create(CLIPS, -20.0)
    yield store
    store.close()


def test_a_rater_goes_on_in_the_same_order_and_votes_once(store, tmp_path):
    token = store.add_rater(5, 10)
    order = [heard.clip for heard in store.session(token)]
    assert len(set(order)) == 10 and all(map(is_key, order))
    assert store.rate(token, order[3], 1, 2)
    assert store.rate(token, order[3], 4, 5)
    again = Store(tmp_path / "ratings.sqlite", create=True)
    heard = again.session(token)
    assert [h.clip for h in heard] == order
    assert heard[3][1:] == (4, 5) and heard[2][1:] == (None, None)
    assert [r[3:5] for r in again.ratings()] == [(4, 5)]
    again.close()


def test_nobody_rates_what_is_not_theirs(store):
    first, second = store.add_rater(1, 10), store.add_rater(1, 10)
    ours = {heard.clip for heard in store.session(first)}
    [theirs, *_] = {heard.clip for heard in store.session(second)} - ours
    assert not store.rate(first, theirs, 3, 3)
    assert not store.rate("nobody", theirs, 3, 3)
    assert store.session("nobody") == []
    assert store.ratings() == []


def test_impossible_ratings_are_refused_by_the_file_itself(store):
    token = store.add_rater(1, 10)
    clip = store.session(token)[0].clip
    with pytest.raises(sqlite3.IntegrityError):
        store.rate(token, clip, 6, 3)
    assert store.rate(token, clip, 5, 3)


def test_clips_are_balanced_over_raters_who_begin_at_once(store):
    tokens = []
    threads = [
        threading.Thread(target=lambda: tokens.append(store.add_rater(2, 100))) for _ in range(25)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = Counter(heard.clip for token in tokens for heard in store.session(token))
    assert sorted(counts.values()) == [10] * 10


def test_there_is_an_end_to_raters_who_rate(store):
    tokens = [store.add_rater(1, 2) for _ in range(5)]
    assert None not in tokens
    for token in tokens[:2]:
        assert store.add_rater(1, 2) is not None
        store.rate(token, store.session(token)[0].clip, 3, 3)
    assert store.add_rater(1, 2) is None
    assert store.num_raters() == 7


def test_raters_without_ratings_take_no_place(store):
    rated = store.add_rater(1, 2)
    clip = store.session(rated)[0].clip
    store.rate(rated, clip, 3, 3)
    tokens = [store.add_rater(1, 2) for _ in range(60)]
    assert None not in tokens and store.num_raters() == 41
    known = [bool(store.session(token)) for token in tokens]
    assert known == [False] * 20 + [True] * 40
    assert store.session(rated)[0].fidelity == 3


def test_with_invitations_only_one_rater_each_may_begin(store):
    assert store.invites(None) and store.invites("anything")
    first, second = store.invite(2)
    assert not store.invites(None) and not store.invites("anything")
    assert store.invites(first) and store.invites(second)
    token = store.add_rater(2, 10, first)
    clips = [heard.clip for heard in store.session(token)]
    store.rate(token, clips[0], 2, 4)
    again = store.add_rater(2, 10, first)
    assert store.session(token) == []
    assert [heard.clip for heard in store.session(again)] == clips
    other = store.add_rater(2, 10, second)
    store.rate(other, store.session(other)[0].clip, 1, 1)
    assert store.num_raters() == 2 and len({r.rater for r in store.ratings()}) == 2


def test_a_rater_that_is_struck_out_counts_no_more(store, tmp_path):
    tokens = [store.add_rater(5, 2) for _ in range(2)]
    for token in tokens:
        for heard in store.session(token)[:3]:
            store.rate(token, heard.clip, 5, 5)
    assert store.add_rater(5, 2) is None
    rater = store.ratings()[0].rater
    assert store.strike(rater) == store.strike(rater) == 3
    assert {r.rater for r in store.ratings()} == {2 if rater == 1 else 1}
    assert not store.rate(tokens[rater - 1], store.session(tokens[rater - 1])[3].clip, 5, 5)
    assert store.add_rater(5, 2) is not None
    with pytest.raises(UserError, match="knows no rater 77"):
        store.strike(77)


def test_files_of_before_are_read_and_served(store, tmp_path):
    token = store.add_rater(1, 2)
    store.rate(token, store.session(token)[0].clip, 1, 2)
    for table in ("invitations", "struck"):
        store._db.execute(f"DROP TABLE {table}")
    path = tmp_path / "ratings.sqlite"
    assert len(Store(path).ratings()) == 1
    again = Store(path, create=True)
    assert again.invites(None) and again.strike(1) == 1 and again.ratings() == []


def test_clips_are_balanced_over_ratings_though_half_leave_at_once(store):
    rng = random.Random(0)
    for number in range(40):
        token = store.add_rater(2, 100)
        for heard in store.session(token):
            # Even those who go on may leave before the end.
            if number % 2 or rng.random() < 0.1:
                break
            store.rate(token, heard.clip, 3, 3)
    counts = Counter((rating.system, rating.clip) for rating in store.ratings())
    assert len(counts) == len(CLIPS)
    for system in "ab":
        own = [count for (name, _), count in counts.items() if name == system]
        assert max(own) - min(own) <= 2


def test_tokens_are_not_in_the_file(store, tmp_path):
    token = store.add_rater(1, 2)
    store.close()
    assert token.encode() not in (tmp_path / "ratings.sqlite").read_bytes()


def test_other_clips_are_refused_with_the_way_out(store):
    same = [clip[:3] for clip in CLIPS]
    store.require_clips(same)
    other = [*same[1:], ("c", "new.wav", "x")]
    other[0] = (*other[0][:2], "changed")
    message = r"1 missing \(a/0.wav\), 1 new \(c/new.wav\), 1 changed \(a/1.wav\).*another --db"
    with pytest.raises(UserError, match=message):
        store.require_clips(other)


def test_a_damaged_file_is_one_line(store, tmp_path):
    for _ in range(20):
        store.add_rater(5, 100)
    store.close()
    path = tmp_path / "ratings.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(UserError, match="malformed: name another --db"):
        Store(path).clips()


def test_files_of_others_are_left_as_they_are(tmp_path):
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE other (x)")
    db.close()
    before = path.read_bytes()
    text = tmp_path / "text"
    text.write_text("no database, but long enough to be none " * 20)
    for file, match in [(path, "not a file of ratings"), (text, "file is not a database")]:
        for create in (True, False):
            with pytest.raises(UserError, match=f"{match}: name another --db"):
                Store(file, create=create)
    assert path.read_bytes() == before
    with pytest.raises(UserError, match="there are no ratings"):
        Store(tmp_path / "missing.sqlite")
    assert not (tmp_path / "missing.sqlite").exists()
    with pytest.raises(UserError, match="unable to open database file: name another --db"):
        Store(tmp_path, create=True)
