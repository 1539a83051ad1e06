"""What may depend on what, and that every service has the same shape."""

import ast
import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from launcher.requests import PACKAGES
from shared.errors import ExitCode
from shared.manifest import PHASES
from shared.settings import JobSettings, section_of

ROOT = Path(__file__).parents[2]
FOLDERS = {
    init.parent.name: init.parent
    for pattern in ("services/*/src/*/__init__.py", "infra/*/src/*/__init__.py", "shared/src/*/__init__.py")
    for init in ROOT.glob(pattern)
}
SERVICES = sorted(name for name, folder in FOLDERS.items() if folder.is_relative_to(ROOT / "services"))
MAY_IMPORT = {
    **{service: {"shared"} for service in SERVICES},
    "launcher": {"shared"},
    "starter": {"shared"},
    "local_hub": set(),
    "shared": set(),
}
HEAVY = ("torch", "transformers", "trl", "peft", "accelerate")
LIGHT = ("shared", "data_splitter", "reporter", "launcher", "local_hub")
FEW_SECONDS = 3.0
MOST_SETTINGS = 24


def sources(package):
    return sorted(FOLDERS[package].rglob("*.py"))


def imported_modules(path):
    """The absolute names of all modules that a file imports, at its top or inside of its functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_in(module, packages):
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def imports_of(paths, packages):
    """Where any of the packages is imported, as "file imports module"."""
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in paths
        for module in imported_modules(path)
        if is_in(module, packages)
    ]


def run_module(*arguments):
    """Runs python with a list of what it imported on standard error; returns it and its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def loaded_modules(process):
    lines = [line for line in process.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip() for line in lines}


def work_of(service):
    """The "module:function" that a service's `__main__` hands to `run_job`."""
    tree = ast.parse((FOLDERS[service] / "__main__.py").read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return next(
        keyword.value.value for call in calls for keyword in call.keywords if keyword.arg == "work"
    ).split(":")


def settings_of(service):
    module = import_module(f"{service}.settings")
    own = (value for value in vars(module).values() if isinstance(value, type))
    return next(one for one in own if issubclass(one, JobSettings) and one.__module__ == module.__name__)


def test_every_package_has_its_rule():
    assert set(MAY_IMPORT) == set(FOLDERS)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_of_ours_only_what_it_may(package):
    forbidden = set(FOLDERS) - {package} - MAY_IMPORT[package]
    assert imports_of(sources(package), forbidden) == []


@pytest.mark.parametrize("package", LIGHT)
def test_what_must_run_without_torch_never_imports_it(package):
    paths = [path for path in sources(package) if FOLDERS["shared"] / "lm" not in path.parents]
    assert imports_of(paths, (*HEAVY, "shared.lm")) == []


@pytest.mark.parametrize("package", LIGHT)
def test_what_must_run_without_torch_runs_where_there_is_none(package):
    folder = FOLDERS[package]
    files = [path.relative_to(folder.parent).with_suffix("") for path in sources(package)]
    modules = [".".join(file.parts) for file in files if file.name not in ("__init__", "__main__")]
    script = (
        f"import sys; from importlib import import_module; sys.modules.update(dict.fromkeys({HEAVY}))\n"
        f"for name in {[name for name in modules if not name.startswith('shared.lm')]}: import_module(name)"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")


def test_every_phase_has_its_service():
    assert list(PACKAGES) == list(PHASES)
    assert sorted(PACKAGES.values()) == SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_shape(service):
    source = FOLDERS[service]
    folder = source.parents[1]
    assert folder.name == service.replace("_", "-")
    expected = [folder / name for name in ("README.md", "pyproject.toml")]
    expected += [source / name for name in ("__init__.py", "__main__.py", "settings.py", "py.typed")]
    assert [str(path.relative_to(ROOT)) for path in expected if not path.is_file()] == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_work_that_a_service_names_is_there(service):
    module, function = work_of(service)
    package, verb = module.split(".")
    assert package == service
    tree = ast.parse((FOLDERS[service] / f"{verb}.py").read_text("utf-8"))
    work = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    assert [ast.unparse(argument) for argument in work.args.args] == ["job: Job"]
    assert ast.unparse(work.returns) == "Outcome"


@pytest.mark.parametrize("phase", PHASES)
def test_the_settings_of_a_phase_are_few_and_all_explained(phase):
    settings = settings_of(PACKAGES[phase])
    assert section_of(settings) == phase
    own = {
        name: field for name, field in settings.model_fields.items() if name not in JobSettings.model_fields
    }
    assert [name for name, field in own.items() if not field.description] == []
    assert len(own) <= MOST_SETTINGS


@pytest.mark.parametrize("package", [*SERVICES, "launcher"])
def test_help_answers_at_once(package):
    process, cpu_seconds = run_module("-m", package, "--help")
    assert process.returncode == 0
    assert "usage:" in process.stdout
    heavy = {
        module for module in loaded_modules(process) if is_in(module, (*HEAVY, "datasets", "matplotlib"))
    }
    assert heavy == set()
    assert cpu_seconds < FEW_SECONDS


@pytest.mark.parametrize("service", SERVICES)
def test_a_mistake_answers_at_once(service):
    process, _ = run_module("-m", service, "--no-such-setting", "1")
    assert process.returncode == ExitCode.BAD_INPUT
    assert "--no-such-setting" in process.stderr
    assert not {module for module in loaded_modules(process) if is_in(module, (*HEAVY, "datasets"))}


def test_every_test_can_fail():
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    assert [f"{path.relative_to(ROOT)}: {name}" for path in files for name in unchecked(path)] == []


def unchecked(path):
    functions = {
        node.name: node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return [
        name for name, node in functions.items() if name.startswith("test_") and not checks(node, functions)
    ]


def checks(function, functions, seen=()):
    """Whether a function, or one of its file's functions that it calls, asserts something or calls a check."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).rsplit(".", 1)[-1]
            if called in ("raises", "warns", "check") or called.startswith(("assert_", "check_")):
                return True
            if (
                called in functions
                and called not in seen
                and checks(functions[called], functions, (*seen, called))
            ):
                return True
    return False
