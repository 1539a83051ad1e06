"""The code fingerprint changes with the code and with nothing else."""

import pytest

from shared.errors import BadInput
from shared.fingerprint import code_fingerprint


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "toy_package"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "inner" / "page.html").write_text("<p>")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_it_is_the_same_for_the_same_files(package):
    before = code_fingerprint(["toy_package"])
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "x.pyc").write_bytes(b"1")
    assert code_fingerprint(["toy_package"]) == before


def test_it_changes_with_any_file(package):
    before = code_fingerprint(["toy_package"])
    (package / "inner" / "page.html").write_text("<b>")
    changed = code_fingerprint(["toy_package"])
    (package / "inner" / "page.html").rename(package / "inner" / "other.html")
    assert len({before, changed, code_fingerprint(["toy_package"])}) == 3


def test_the_order_of_packages_does_not_matter():
    assert code_fingerprint(["shared", "launcher"]) == code_fingerprint(["launcher", "shared"])


def test_a_package_that_is_missing_is_named():
    with pytest.raises(BadInput, match="no_such_package"):
        code_fingerprint(["no_such_package"])
