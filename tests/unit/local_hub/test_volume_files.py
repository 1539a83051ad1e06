"""A job may change its volume while the hub reads it: what it puts there leads the hub nowhere else."""

import os

import pytest

from local_hub.jobs.volume_store import open_below


@pytest.fixture
def volume(tmp_path):
    """A volume beside a secret of the hub's, to which it has links and a pipe."""
    hub, volume = tmp_path / "hub", tmp_path / "volume"
    hub.mkdir()
    (hub / "token").write_text("secret")
    (volume / "a" / "b").mkdir(parents=True)
    (volume / "a" / "b" / "file").write_text("text")
    (volume / "link").symlink_to(hub)
    (volume / "a" / "link").symlink_to(hub)
    (volume / "token").symlink_to(hub / "token")
    os.mkfifo(volume / "pipe")
    return volume


def test_a_file_is_opened_by_its_path(volume):
    with os.fdopen(open_below(volume, "a/b/file")) as file:
        assert file.read() == "text"


@pytest.mark.parametrize(
    "path", ["link/token", "a/link/token", "token", "pipe", "a", "a/b/none", "a/b/file/x"]
)
def test_what_is_no_file_of_the_volume_is_not_opened(volume, path):
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match=r"token|link|pipe|none|file|a is no"):
        open_below(volume, path)
    assert len(os.listdir("/proc/self/fd")) == len(before)
