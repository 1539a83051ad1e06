"""`with LocalHub() as hub:`, and the package alone in an environment of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

import psutil
import pytest
from huggingface_hub.errors import HfHubHTTPError

from local_hub import HubError, LocalHub
from local_hub.state import is_held

FOLDER = Path(__file__).parents[2] / "infra" / "local-hub"
PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def hub():
    with LocalHub(users={"ada": "hf_ada", "bob": 'hf_"quoted\\'}) as hub:
        yield hub


def python(script: str, environment, *arguments: str):
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_it_answers_at_once_and_sets_nothing(hub):
    assert hub.url.startswith("http://127.0.0.1:")
    assert hub.api().whoami()["name"] == "local"
    assert hub.token == (hub.directory / "token").read_text().strip()
    assert "HF_ENDPOINT" not in os.environ
    assert "HF_TOKEN" not in os.environ


def test_its_client_writes_and_reads_and_child_processes_do_with_its_environment(hub):
    hub.api().create_repo("local/fixture")
    hub.api().upload_file(path_or_fileobj=b"1", path_in_repo="a", repo_id="local/fixture")
    script = "from huggingface_hub import hf_hub_download as d; print(open(d('local/fixture', 'a')).read())"
    child = python(script, hub.environment())
    assert (child.returncode, child.stdout) == (0, "1\n"), child.stderr


def test_users_are_given_by_name_and_token(hub):
    assert hub.api("hf_ada").whoami()["name"] == "ada"
    assert hub.api('hf_"quoted\\').whoami()["name"] == "bob"
    with pytest.raises(HfHubHTTPError):
        hub.api("hf_ada").create_repo("local/not-hers")


def test_a_users_file_may_be_given(tmp_path):
    users = tmp_path / "users.toml"
    users.write_text('[[users]]\nname = "bob"\ntoken = "hf_bob"\n')
    with LocalHub(tmp_path / "hub", users=users) as hub:
        assert hub.api("hf_bob").whoami()["name"] == "bob"


def test_its_jobs_and_its_temporary_folder_go_with_it_also_after_an_error():
    seen = {}
    with pytest.raises(ZeroDivisionError):
        fail_while_a_job_runs(seen)
    directory, pid, job = seen["directory"], seen["pid"], seen["job"]
    assert not directory.exists()
    assert not psutil.pid_exists(pid)
    assert [process for process in psutil.process_iter() if job_id_of(process) == job.id] == []
    with pytest.raises(HubError, match="does not run: use it inside of its `with` block"):
        _ = seen["hub"].url


def fail_while_a_job_runs(seen: dict) -> None:
    with LocalHub() as hub:
        job = hub.api().run_job(image="i", command=["sleep", "600"], namespace="local")
        hub.api().wait_for_job(
            job.id, namespace="local", stages=["RUNNING"], poll_interval=0.05, timeout=PATIENCE_SECONDS
        )
        seen |= {"hub": hub, "directory": hub.directory, "pid": hub._hub.pid, "job": job}
        raise ZeroDivisionError


def job_id_of(process):
    try:
        return process.environ().get("JOB_ID")
    except (psutil.Error, OSError):
        return None


def test_a_folder_that_is_given_stays_and_is_served_again(tmp_path):
    folder = tmp_path / "hub"
    with LocalHub(folder) as hub:
        hub.api().create_repo("local/kept")
        with pytest.raises(HubError, match="Another hub serves"), LocalHub(folder):
            pass
    assert not is_held(folder)
    with LocalHub(folder) as hub:
        assert hub.api().repo_exists("local/kept")


def test_what_keeps_it_from_starting_is_said_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with (
        pytest.raises(HubError, match="Cannot read the users in /no/such/file"),
        LocalHub(users="/no/such/file"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_it_does_not_outlive_a_process_that_is_killed(tmp_path):
    script = (
        "import sys, time; from local_hub import LocalHub\n"
        "with LocalHub(sys.argv[1]) as hub: print(hub.url, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "hub")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_held(tmp_path / "hub"):
        assert time.monotonic() < deadline, "the hub still runs"
        time.sleep(0.05)


def test_it_sets_the_environment_where_asked_and_takes_that_back():
    script = """
import os
os.environ["HF_HUB_OFFLINE"] = "1"
before = dict(os.environ)
from local_hub import HubError, LocalHub
with LocalHub(set_environment=True) as hub:
    assert "HF_HUB_OFFLINE" not in os.environ
    import huggingface_hub
    print(huggingface_hub.whoami()["name"], huggingface_hub.constants.ENDPOINT == hub.url)
assert os.environ == before
try:
    LocalHub(set_environment=True).__enter__()
except Exception as error:
    print(error)
"""
    child = python(script, dict(os.environ))
    first, second = child.stdout.splitlines()
    assert first == "local True", child.stderr
    assert second.startswith("set_environment=True comes too late: huggingface_hub is imported")


def test_a_proxy_that_would_catch_its_calls_is_named(hub, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(HubError, match=r"HTTP_PROXY would catch calls .*: set NO_PROXY=127\.0\.0\.1"):
        hub.api()


def test_pytest_offers_it_as_a_fixture_and_imports_nothing_of_it_before(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_nothing_is_imported(): assert 'local_hub.embedded' not in sys.modules\n"
        "def test_it(local_hub): assert local_hub.api().whoami()['name'] == 'local'\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "local_hub.pytest_plugin", str(tmp_path)]
    # Named above instead: where the package is installed with its entry point, pytest loads it by itself.
    environment = dict(os.environ) | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    child = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert "2 passed" in child.stdout, child.stdout + child.stderr


def test_the_examples_of_the_readme_run(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (FOLDER / "README.md").read_text("utf-8"), re.DOTALL)
    scripts = [block for block in blocks if "LocalHub" in block]
    assert len(scripts) == 1
    child = python(scripts[0], dict(os.environ) | {"HF_HOME": str(tmp_path)})
    assert child.returncode == 0, child.stderr


ALONE = """
from local_hub import HubError, LocalHub
from importlib.metadata import distributions
with LocalHub() as hub:
    api = hub.api()
    api.create_repo("local/alone")
    api.upload_file(path_or_fileobj=b"x" * 20_000_000, path_in_repo="large.bin", repo_id="local/alone")
    with open(api.hf_hub_download("local/alone", "large.bin"), "rb") as file:
        assert len(file.read()) == 20_000_000
    job = api.run_job(image="python", command=["python", "-c", "print(6 * 7)"], namespace="local")
    assert api.wait_for_job(job.id, namespace="local", timeout=60, poll_interval=0.1).status.stage == "COMPLETED"
    print(list(api.fetch_job_logs(job_id=job.id, namespace="local")))
print(sorted(one.name for one in distributions() if one.name in ("shared", "medmcqa-shared", "launcher", "starter")))
"""


@pytest.mark.slow
def test_pip_install_of_the_folder_alone_gives_a_working_hub(tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    bin_folder = tmp_path / "venv" / "bin"
    install = [bin_folder / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    index = subprocess.run(
        [*install, "--no-deps", "cronsim"], capture_output=True, text=True, check=False, timeout=120
    )
    if index.returncode:
        pytest.skip(f"pip reaches no package index: {index.stderr.strip().splitlines()[-1]}")
    source = tmp_path / "local-hub"
    # A build leaves files beside its sources.
    shutil.copytree(FOLDER, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    wheels = tmp_path / "wheels"
    command = [bin_folder / "python", "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", wheels, source]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    [wheel] = wheels.iterdir()
    installed = subprocess.run(
        [*install, wheel, "huggingface_hub>=2.4"], capture_output=True, text=True, check=False
    )
    assert installed.returncode == 0, installed.stderr
    environment = {name: os.environ[name] for name in ("PATH", "NO_PROXY", "no_proxy") if name in os.environ}
    environment |= {"HF_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    command = [bin_folder / "python", "-c", ALONE]
    child = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (child.returncode, child.stdout) == (0, "['42']\n[]\n"), child.stderr
    program = subprocess.run([bin_folder / "local-hub", "--help"], capture_output=True, text=True, check=True)
    assert "usage: local-hub" in program.stdout
    installed_files = [path.name for path in (tmp_path / "venv").rglob("local_hub*/**/*")]
    assert {"py.typed", "LICENSE", "entry_points.txt"} <= set(installed_files)
