"""Who trains with whom, as the environment says it."""

import pytest
import tensorflow as tf

from ada.training import make_strategy
from ada.training.distributed.strategies import _slurm_resolver
from ada.utils.errors import UserError


def test_slurm_counts_as_its_node_list_does(monkeypatch):
    """Not in the order of letters, in which node10 comes before node9."""
    monkeypatch.setenv("SLURM_JOB_ID", "123456")
    monkeypatch.setenv("SLURM_PROCID", "1")
    monkeypatch.setenv("SLURM_STEP_NODELIST", "node[9-10],other")
    monkeypatch.setenv("SLURM_STEP_TASKS_PER_NODE", "2,1(x2)")
    resolver = _slurm_resolver()
    assert resolver.cluster_spec().as_dict() == {
        "worker": ["node9:18456", "node9:18457", "node10:18456", "other:18456"]
    }
    assert (resolver.task_type, resolver.task_id) == ("worker", 1)


@pytest.mark.parametrize(
    ("name", "environment", "message"),
    [
        ("nothing", {}, "must be one of one_device, mirrored, multi_worker, tpu"),
        ("multi_worker", {}, "needs TF_CONFIG"),
        ("multi_worker", {"TF_CONFIG": "{"}, "it is not JSON. It looks like this"),
        ("multi_worker", {"TF_CONFIG": "[1]"}, "a part is missing"),
        (
            "multi_worker",
            {
                "TF_CONFIG": '{"cluster": {"worker": ["a:1", "b:1"]}, '
                '"task": {"type": "worker", "index": 2}}'
            },
            "there is no worker 2 among 2",
        ),
        ("multi_worker", {"TF_CONFIG": '{"cluster": {"worker": ["a:1"]}}'}, "looks like this"),
        (
            "multi_worker",
            {
                "TF_CONFIG": '{"cluster": {"worker": ["a:1"], "chief": ["b:1"]}, '
                '"task": {"type": "worker", "index": 0}}'
            },
            "all tasks must be workers",
        ),
        (
            "multi_worker",
            {
                "TF_CONFIG": '{"cluster": {"worker": ["a:1", "b"]}, '
                '"task": {"type": "worker", "index": 0}}'
            },
            "every worker needs a port",
        ),
        ("multi_worker", {"SLURM_PROCID": "0"}, "start the command with srun"),
        ("tpu", {}, "no TPU was found"),
        ("tpu", {"TPU_NAME": "local"}, "no TPU was found .*TPUs not found in the cluster"),
    ],
)
def test_invalid_strategies_are_refused(name, environment, message, monkeypatch):
    for variable in ("TF_CONFIG", "SLURM_PROCID", "SLURM_STEP_NODELIST", "TPU_NAME"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(UserError, match=message):
        make_strategy(name)


@pytest.mark.parametrize(("named", "given"), [("local", "local"), ("my-tpu", None), (None, None)])
def test_a_tpu_vm_uses_its_own_tpu(named, given, monkeypatch):
    """Other names TensorFlow itself takes from the environment."""
    asked = []

    def connect(name=None):
        asked.append(name)
        raise ValueError("none here")

    monkeypatch.delenv("TPU_NAME", raising=False)
    if named:
        monkeypatch.setenv("TPU_NAME", named)
    monkeypatch.setattr(tf.distribute.cluster_resolver.TPUClusterResolver, "connect", connect)
    with pytest.raises(UserError, match="none here"):
        make_strategy("tpu")
    assert asked == [given]
