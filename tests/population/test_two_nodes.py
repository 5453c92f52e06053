"""`python -m ada.pbt` on a Ray cluster of two nodes, each with a network of its own."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from support import MICRO, ROOT, write_random_codes

from ada.population import History

pytest.importorskip("ray")
pytestmark = pytest.mark.long
NODES = ("10.87.0.1", "10.87.0.2")
HEAD = f"{NODES[0]}:6379"


def ip(*args):
    subprocess.run(["ip", *args], check=True, capture_output=True)


@pytest.fixture(scope="module")
def spaces():
    """Names of two network namespaces that reach each other."""
    names = [f"ada{os.getpid()}n{n}" for n in (1, 2)]
    if os.getuid() or not shutil.which("ip"):
        pytest.skip("network namespaces need root and iproute2")
    try:
        ip("netns", "add", names[0])
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    try:
        ip("netns", "add", names[1])
        pair = f"eth0 netns {names[0]} type veth peer name eth0 netns {names[1]}"
        ip("link", "add", *pair.split())
        for name, address in zip(names, NODES, strict=True):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@pytest.fixture(scope="module")
def cluster(spaces, tmp_path_factory):
    """A Ray cluster with a token, one CPU a node; a function that starts a driver on the first."""
    folder = tmp_path_factory.mktemp("ray")
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--num-cpus=1", "--block"]
    scratch = tempfile.mkdtemp(prefix="ada_ray_")  # short, for the names of sockets
    places = (
        ["--head", "--port=6379", "--include-dashboard=false", f"--temp-dir={scratch}"],
        [f"--address={HEAD}"],
    )
    environment = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a" * 64}

    def on(number, command, **kwargs):
        command = ["ip", "netns", "exec", spaces[number], *command]
        return subprocess.Popen(command, env=environment, start_new_session=True, **kwargs)

    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        for number, place in enumerate(places):
            command = [*ray, f"--node-ip-address={NODES[number]}", *place]
            # Neither node has the clone as its directory.
            node = on(number, command, cwd=folder, stdout=subprocess.DEVNULL)
            stack.callback(os.killpg, node.pid, signal.SIGKILL)
            wait_for(lambda nodes=number + 1: on(0, asking(nodes)).wait() == 0, node)
        yield on


def asking(nodes):
    """Exits with 0 if the cluster has this number of nodes."""
    return [
        *(sys.executable, "-c"),
        f"import ray; ray.init('{HEAD}', logging_level=50, log_to_driver=False); "
        f"assert len(ray.nodes()) == {nodes}",
    ]


def wait_for(condition, process):
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, "it ended too soon"
        assert time.monotonic() < deadline, "it did not get there"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def codes(tmp_path_factory):
    return write_random_codes(tmp_path_factory.mktemp("codes") / "data")


def test_members_run_on_both_nodes_and_a_killed_driver_resumes(cluster, codes, tmp_path):
    run_dir = tmp_path / "run"
    path = str(run_dir / "search" / "population.json")
    overlay = tmp_path / "own.gin"  # which the driver reads by a relative path
    overlay.write_text("POPULATION = 2\nLEVEL2_STEPS = 6\nSEARCH_INTERVAL = 2\nNUM_CODES = 8\n")
    command = [
        *(sys.executable, "-m", "ada.pbt", "--gin_file=gin/level2_vqvae.gin", *MICRO),
        f"--gin_file={os.path.relpath(overlay, ROOT)}",
        *("--gin_param=CODEBOOK_WARMUP_STEPS=0", "--gin_param=Search.least_perplexity=1.0"),
        *("--gin_param=Search.least_code_cost=None", f"--ray_address={HEAD}"),
        *(f"--run_dir={run_dir}", f"--data_dir={codes}"),
    ]
    log = tmp_path / "stderr"

    def driver():
        return cluster(0, command, cwd=ROOT, stderr=log.open("w"))

    first = driver()
    wait_for(lambda: History.load(path).step >= 2, first)
    os.killpg(first.pid, signal.SIGKILL)
    said = log.read_text()
    assert "2 nodes with CPUs" in said
    assert set(re.findall(r"step 2: member \d \(on ([\d.]+)\)", said)) == set(NODES)

    second = driver()
    wait_for(lambda: History.load(path).step >= 4, second)
    os.killpg(second.pid, signal.SIGTERM)
    assert second.wait(30) == 75, log.read_text()
    deadline = time.monotonic() + 20
    while trainers():
        assert time.monotonic() < deadline, "members are left on the nodes"
        time.sleep(0.1)

    third = driver()
    assert third.wait(300) == 0, log.read_text()
    assert [c.step for c in History.load(path).comparisons] == [2, 4, 6]
    assert (run_dir / "run.json").exists()
    assert not (run_dir / "search" / "ray").exists()


def trainers():
    """Ray's processes that train members, in other namespaces."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            is_here = (line.parent / "ns" / "net").readlink() == Path(
                "/proc/self/ns/net"
            ).readlink()
            if not is_here and "Trainable.train" in line.read_text():
                found.append(line.parent.name)
    return found
