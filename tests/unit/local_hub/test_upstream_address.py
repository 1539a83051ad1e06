"""Which addresses and tokens an upstream may have."""

import pytest

from local_hub.errors import HubError
from local_hub.upstream.address import UpstreamAddress, read_address

TOKEN = {"LOCAL_HUB_UPSTREAM_TOKEN": "hf_secret"}


def test_the_token_comes_from_the_environment_and_is_in_no_description_of_the_address():
    address = read_address("https://HuggingFace.co/", None, TOKEN)
    assert address == UpstreamAddress("https://huggingface.co", "hf_secret")
    assert "hf_secret" not in repr(address)


def test_a_file_for_its_owner_only_goes_before_the_environment(tmp_path):
    path = tmp_path / "token"
    path.write_text("hf_of_file\n")
    path.chmod(0o600)
    assert read_address("https://huggingface.co", path, TOKEN).token == "hf_of_file"
    path.chmod(0o640)
    with pytest.raises(HubError, match="chmod 600"):
        read_address("https://huggingface.co", path, {})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
def test_a_token_goes_unencrypted_within_this_machine(url):
    assert read_address(url, None, TOKEN).token == "hf_secret"


def test_a_token_goes_unencrypted_nowhere_else():
    with pytest.raises(HubError, match="Use https://"):
        read_address("http://hub.example", None, TOKEN)
    assert read_address("http://hub.example", None, {}).token is None


@pytest.mark.parametrize(
    "url",
    [
        "huggingface.co",
        "ftp://huggingface.co",
        "https://",
        "https://a/b",
        "https://a?b",
        "https://a:x",
        "https://a:0",
    ],
)
def test_what_is_no_address_of_a_hub_is_refused(url):
    with pytest.raises(HubError, match="--upstream must be"):
        read_address(url, None, {})


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(HubError) as caught:
        read_address("https://user:hunter2@huggingface.co", None, {})
    assert "hunter2" not in str(caught.value)


def test_without_an_upstream_there_is_none():
    assert read_address(None, None, TOKEN) is None
    assert read_address("", None, TOKEN) is None
