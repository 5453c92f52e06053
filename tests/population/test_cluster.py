"""What members get of a cluster, and what is said where one cannot be used; no Ray is started."""

import signal

import pytest
from support import free_ports

pytest.importorskip("ray")

import ray  # noqa: E402

from ada.population import cluster  # noqa: E402
from ada.population.cluster import Cluster, Share, share  # noqa: E402
from ada.utils.errors import Terminated, UserError  # noqa: E402


@pytest.mark.parametrize(
    ("nodes", "population", "expected"),
    [
        ([(2, 0)], 4, Share(2, 1, 0)),
        ([(16, 0)], 4, Share(4, 4, 0)),
        ([(16, 0)], 5, Share(5, 3, 0)),
        ([(2, 0), (2, 0)], 16, Share(4, 1, 0)),
        ([(8, 0), (3, 0)], 3, Share(3, 3, 0)),  # not 4: the smaller node has room for none then
        ([(32, 4), (8, 0)], 16, Share(4, 8, 1)),  # the node without GPUs trains nobody
        ([(2, 4)], 16, Share(2, 1, 1)),
        ([(64, 8), (64, 8)], 16, Share(16, 8, 1)),
    ],
)
def test_a_cluster_is_divided_by_what_its_nodes_have(nodes, population, expected):
    assert share(nodes, population) == expected


@pytest.mark.parametrize("nodes", [[], [(0, 0)], [(0, 1), (4, 0)]])
def test_a_cluster_that_can_train_nobody_is_refused(nodes):
    with pytest.raises(UserError, match="no node of the Ray cluster has a CPU"):
        share(nodes, 2)


def test_an_address_where_nobody_listens_is_refused_before_ray_tries():
    [port] = free_ports(1)
    with pytest.raises(UserError, match=f"no Ray cluster at 127.0.0.1:{port}: .*refused"):
        Cluster(f"127.0.0.1:{port}").__enter__()
    assert not ray.is_initialized()


def test_a_missing_token_is_reported_from_any_cause_of_an_error():
    try:
        try:
            raise ray.exceptions.AuthenticationError("InvalidAuthToken")
        except Exception as error:
            raise ConnectionError("Failed to connect") from error
    except ConnectionError as error:
        assert "RAY_AUTH_MODE=token" in cluster._why_not(error)
    assert cluster._why_not(ConnectionError("Failed")).startswith("Failed. `ray start`")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("ada", "on 10.0.0.2, 10.0.0.3 what ada needs is not installed"),
        ("run_dir", "on 10.0.0.2, 10.0.0.3 --run_dir /runs/a is not theirs"),
        ("data_dir", "on 10.0.0.2, 10.0.0.3 --data_dir /data is not there"),
    ],
)
def test_nodes_that_lack_something_are_named(missing, message, monkeypatch):
    found = {"10.0.0.1": "", "10.0.0.2": missing, "10.0.0.3": missing}
    monkeypatch.setattr(cluster, "_on_all_nodes", lambda function, *args: found)
    with pytest.raises(UserError, match=message):
        cluster._check_nodes("/runs/a/.probe", "/data/dataset.json")


def test_a_node_says_which_thing_it_lacks(tmp_path, monkeypatch):
    probe, data = tmp_path / "probe", tmp_path / "dataset.json"
    assert cluster._missing(str(probe), str(data)) == "run_dir"
    probe.touch()
    assert cluster._missing(str(probe), str(data)) == "data_dir"
    data.touch()
    assert cluster._missing(str(probe), str(data)) == ""
    monkeypatch.setattr(cluster, "_NEEDED", ("tensorflow", "no_such_package"))
    assert cluster._missing(str(probe), str(data)) == "ada"


def test_sigterm_is_what_it_was_once_ray_has_started():
    def handler(number, frame):
        raise AssertionError

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with cluster._own_signals():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as Ray replaces it
        assert signal.getsignal(signal.SIGTERM) is handler
        with pytest.raises(Terminated), cluster._own_signals():
            raise SystemExit(15)  # as Ray's handler ends it
    finally:
        signal.signal(signal.SIGTERM, before)
