"""What SECURITY.md says of code from elsewhere: none is run that is not locked."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for folder in ("shared", "services", "infra") for path in ROOT.glob(f"{folder}/**/src/**/*.py")
)
RUN_WHAT_THEY_READ = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def trees():
    return [(path.relative_to(ROOT), ast.parse(path.read_text())) for path in SOURCES]


def calls():
    return [(path, node) for path, tree in trees() for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_no_module_imports_what_runs_code_from_the_files_it_reads():
    found = []
    for path, tree in trees():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [(str(path), name) for name in names if name.partition(".")[0] in RUN_WHAT_THEY_READ]
    assert found == []


def test_nothing_loads_pickled_tensors_or_evaluates_text():
    found = [
        (str(path), node.lineno)
        for path, node in calls()
        if ast.unparse(node.func) in {"torch.load", "eval", "exec", "yaml.load", "yaml.unsafe_load"}
    ]
    assert found == []


def test_the_code_of_a_model_repo_is_never_trusted():
    loads = [
        (path, {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords})
        for path, node in calls()
        if ast.unparse(node.func).startswith("Auto") and ast.unparse(node.func).endswith("from_pretrained")
    ]
    assert len(loads) >= 3
    assert [str(path) for path, keywords in loads if keywords.get("trust_remote_code") != "False"] == []
