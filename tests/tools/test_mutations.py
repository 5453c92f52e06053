"""The faults that `tools.mutations` puts into the code: each still has its place there."""

import pytest
from support import ROOT

from tools.faults import FAULTS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_has_one_place_and_tests_that_are_there(fault):
    assert (ROOT / fault.file).read_text("utf-8").count(fault.old) == 1
    assert fault.new not in ("", fault.old)
    for path in fault.tests.split():
        assert (ROOT / path).exists()
