import pytest

from shared.addresses import can_be_hub, is_local


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:41457", "https://user:secret@localhost/hf", "http://[::1]:80", "//localhost:5000"],
)
def test_a_server_of_this_machine_is_local(url):
    assert is_local(url)


@pytest.mark.parametrize(
    "url", ["https://huggingface.co", "http://127.0.0.1.example", "//ghcr.io", "localhost", ""]
)
def test_any_other_is_not(url):
    assert not is_local(url)


@pytest.mark.parametrize("url", ["https://huggingface.co", "http://127.0.0.1:41457/", "http://[::1]:80/hub"])
def test_a_hub_can_be_at_a_web_address(url):
    assert can_be_hub(url)


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "127.0.0.1:80",
        "ftp://hub",
        "http://",
        "http://h:80x",
        "http://[::1",
        "http://a b",
        "http://a\n",
        "",
    ],
)
def test_at_any_other_it_cannot(url):
    assert not can_be_hub(url)
