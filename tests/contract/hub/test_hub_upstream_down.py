"""A hub whose upstream cannot be reached: nobody waits for it, and who wants what is not here is told at once."""

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest
from huggingface_hub import HfApi, Volume
from huggingface_hub.errors import HfHubHTTPError
from public_hub import public_hub

from local_hub.errors import ApiError
from local_hub.state import find_running
from local_hub.upstream import asking
from local_hub.upstream.address import UpstreamAddress
from local_hub.upstream.asking import Asking
from local_hub.upstream.client import NotConnectedError, UnreachableError, UpstreamClient
from local_hub.upstream.pull import HubClient, WantedRepo, pull

CONNECT_SECONDS, PATIENCE_SECONDS = 1.0, 0.3
# Also on a busy machine. What is not told at once, clients ask for again for half a minute.
SOON_SECONDS = 10
# What is asked for again at once, and what takes seconds, so that the test need not.
HURRIED_HUB = f"""
import sys
from pathlib import Path
from local_hub.config import HubConfig
from local_hub.server import serve
from local_hub.upstream import asking, client
from local_hub.upstream.address import UpstreamAddress
asking.CALM_SECONDS, asking.PATIENCE_SECONDS = 0.2, {PATIENCE_SECONDS}
client.CONNECT_SECONDS = {CONNECT_SECONDS}
serve(HubConfig(Path(sys.argv[1]), upstream=UpstreamAddress(sys.argv[2])))
"""
FILES = {"config.json": b"{}", "weights.bin": os.urandom(100_000)}


@contextmanager
def hurried_hub(folder, upstream):
    command = [sys.executable, "-c", HURRIED_HUB, str(folder), upstream]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            yield HfApi(url, (folder / "token").read_text().strip())
        finally:
            process.terminate()


@contextmanager
def black_hole(port):
    """Lets packets to a port vanish, as firewalls do: its queue is full, and nobody takes from it."""
    with ExitStack() as stack:
        stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(("127.0.0.1", port))
        yield


def seconds(action, *arguments, **options):
    begin = time.monotonic()
    action(*arguments, **options)
    return time.monotonic() - begin


def use_what_is_kept(api, cache):
    """As a client's script does: it looks for a branch, lists it, and asks for the head of each file."""
    api.snapshot_download("acme/model", cache_dir=cache)
    assert api.list_repo_files("acme/model") == sorted(FILES)
    api.get_hf_file_metadata(url=f"{api.endpoint}/acme/model/resolve/main/config.json")


def pull_again(hub, capsys, revision="main"):
    """What `local-hub pull` says of a repo that is kept, on its two outputs."""
    capsys.readouterr()
    pull(HubClient(find_running(hub), hub), WantedRepo("model", "acme/model", revision))
    return capsys.readouterr()


def refusal(action, *arguments, **options):
    with pytest.raises(HfHubHTTPError) as caught:
        action(*arguments, **options)
    return caught.value.response.status_code, caught.value.response.json()["error"]


def test_what_is_kept_is_served_without_delay_and_the_rest_is_refused_at_once(tmp_path, capsys):
    with ExitStack() as stack:
        with public_hub() as public:
            made = public.publish("acme/model", FILES)
            api = stack.enter_context(hurried_hub(tmp_path, public.url))
            api.snapshot_download("acme/model", cache_dir=tmp_path / "0")
            assert pull_again(tmp_path, capsys).err == ""
        port = int(public.url.rpartition(":")[2])
        time.sleep(0.3)
        assert seconds(use_what_is_kept, api, tmp_path / "refused") < SOON_SECONDS
        said, warned = pull_again(tmp_path, capsys)
        assert said.endswith(": 2 files, 100.0 kB, kept\n")
        doubt = f"{public.url} did not confirm that this is still its main; it may have moved on.\n"
        assert warned == doubt
        assert pull_again(tmp_path, capsys, made.sha("main")).err == ""
        status, sentence = refusal(api.model_info, "acme/unknown")
        assert status == 424
        assert sentence == (
            f"This is not kept here, and {public.url} cannot be reached: Connection refused. Check the network and "
            "the proxy's variables, or fill this hub where there is one: local-hub pull."
        )
        with black_hole(port):
            time.sleep(0.3)
            assert seconds(use_what_is_kept, api, tmp_path / "swallowed") < SOON_SECONDS
            time.sleep(CONNECT_SECONDS + 0.3)
            begin = time.monotonic()
            assert "no connection within 1 s" in refusal(api.model_info, "acme/unknown")[1]
            assert time.monotonic() - begin < SOON_SECONDS
            assert seconds(refusal, api.dataset_info, "acme/another") < SOON_SECONDS
            # Of a listing the client would repeat what a 503 refuses, for half a minute.
            assert seconds(refusal, api.list_repo_files, "acme/unknown") < SOON_SECONDS
        with public_hub(port) as public:
            time.sleep(0.3)
            api.model_info("acme/model")
            public.publish("acme/later", FILES)
            deadline = time.monotonic() + 10
            while not public.paths("acme/model") and time.monotonic() < deadline:
                time.sleep(0.05)
            assert api.model_info("acme/later").id == "acme/later"


@pytest.mark.slow
def test_a_job_that_waits_for_its_volume_can_be_cancelled(tmp_path):
    with public_hub() as public, socket.create_server(("127.0.0.1", 0)) as silent:
        public.publish("acme/model", FILES)
        public.storage_url = (
            f"http://127.0.0.1:{silent.getsockname()[1]}"  # takes requests, and never answers
        )
        with hurried_hub(tmp_path, public.url) as api:
            volumes = [Volume(type="model", source="acme/model", mount_path="/model")]
            job = api.run_job(image="python", command=["true"], volumes=volumes, namespace="local")
            assert next(iter(api.fetch_job_logs(job_id=job.id, namespace="local", follow=True))).startswith(
                f"local-hub: fetching acme/model for /model from {public.url}: 2 files"
            )
            assert api.inspect_job(job_id=job.id, namespace="local").status.stage == "SCHEDULING"
            api.cancel_job(job_id=job.id, namespace="local")
            assert api.wait_for_job(job.id, namespace="local", timeout=20).status.stage == "CANCELED"


def test_a_name_that_is_not_known_to_the_network():
    async def ask():
        client = UpstreamClient(UpstreamAddress("http://hub.invalid"))
        with pytest.raises(NotConnectedError, match=r"\w"):
            await client.get("/api/models/a/b")
        await client.close()

    asyncio.run(ask())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_certificate_of_the_networks_own_is_named(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    made += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def ask(port):
        client = UpstreamClient(UpstreamAddress(f"https://127.0.0.1:{port}"))
        with pytest.raises(NotConnectedError, match=r"not trusted here \(self-signed.*in SSL_CERT_FILE"):
            await client.get("/api/models/a/b")
        await client.close()

    async def check():
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", ssl=context) as server:
            await ask(server.sockets[0].getsockname()[1])

    asyncio.run(check())


def test_nobody_waits_while_upstream_is_in_doubt(monkeypatch):
    monkeypatch.setattr(asking, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(asking, "CALM_SECONDS", 0.0)
    asked = []

    async def check():
        answers = asyncio.Event()

        async def ask():
            asked.append(answers.is_set())
            await answers.wait()

        upstream = Asking("http://upstream")
        async with asyncio.timeout(10):
            for key in ("first", "second", "first"):  # only the first one waits, for a moment
                await upstream.ask(key, ask, is_kept=True)
            assert asked == [False]
            answers.set()
            await asyncio.sleep(0.05)
            await upstream.ask("second", ask, is_kept=True)
            assert asked == [False, True]

    asyncio.run(check())


def test_a_connection_that_breaks_off_is_tried_again_once():
    reasons = [UnreachableError("Server disconnected without sending a response.")]

    async def ask():
        if reasons:
            raise reasons.pop()

    async def check():
        upstream = Asking("http://upstream")
        await upstream.ask("once", ask, is_kept=False)
        reasons.extend([UnreachableError("cut off"), UnreachableError("cut off")])
        with pytest.raises(ApiError, match="cannot be reached: cut off"):
            await upstream.ask("twice", ask, is_kept=False)
        assert reasons == []

    asyncio.run(check())


def test_an_upstream_that_answers_again_is_trusted_again(monkeypatch):
    monkeypatch.setattr(asking, "CALM_SECONDS", 0.0)
    order = []

    async def fail():
        raise NotConnectedError("down")

    async def answer():
        await asyncio.sleep(0.05)
        order.append("answered")

    async def check():
        upstream = Asking("http://upstream")
        await upstream.ask("branch", fail, is_kept=True)
        for number in range(2):
            await upstream.ask("branch", answer, is_kept=True)
            order.append(f"served {number}")
            await asyncio.sleep(0.1)

    asyncio.run(check())
    assert order == ["served 0", "answered", "answered", "served 1"]
