"""JSON that others may have changed."""

import pytest

from ada.utils.errors import UserError
from ada.utils.jsonable import read_json_object


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b'"seed"', b"\xff{}", b"[" * 100_000])
def test_files_without_a_json_object_are_named(content, tmp_path):
    (tmp_path / "settings.json").write_bytes(content)
    with pytest.raises(UserError, match="settings.json is "):
        read_json_object(tmp_path / "settings.json")
