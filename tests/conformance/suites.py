"""Whose own tests judge the local hub, and what each of them needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Suite:
    """The tests that a library's source distribution holds.

    Attributes:
        library: as pip knows it.
        tests: those that call a Hub, as pytest names them, below the folder `tests`.
        left_out: of these, what calls none and takes long.
        marks: those of these that are run, as pytest's `-m` takes it.
        added: what the distribution leaves out, below the folder `tests`: by its path the file of ours.
        expected: the file of ours that gives the reason of each test that fails.
        distribution: how pytest-xdist deals the tests out.
        environment: variables of theirs.
    """

    library: str
    tests: tuple[str, ...]
    added: Mapping[str, str]
    expected: str
    left_out: tuple[str, ...] = ()
    marks: str = ""
    distribution: str = "load"
    environment: Mapping[str, str] = field(default_factory=dict)


# Left out are the command line of discussions, Inference, OAuth and kernels, which are services of their own, and files
# that judge the client alone.
HUGGINGFACE_HUB = Suite(
    library="huggingface_hub",
    tests=(
        "test_buckets.py",
        "test_buckets_cli.py",
        "test_buckets_hf_file_system.py",
        "test_cache_layout.py",
        "test_cli.py::TestJsonShorthand",
        "test_cli.py::TestRepoListCommand",
        "test_cli.py::TestRepoTypePrefix",
        "test_commit_scheduler.py",
        "test_copy_files.py",
        "test_file_download.py",
        "test_hf_api.py",
        "test_hf_file_system.py",
        "test_hub_mixin.py",
        "test_hub_mixin_pytorch.py",
        "test_repocard.py",
        "test_snapshot_download.py",
        "test_utils_http.py::TestUniqueRequestId",
        "test_utils_http.py::test_flag_as_download_call_decorator",
        "test_xet_upload.py",
    ),
    left_out=(
        "test_file_download.py::TestHttpGet",
        "test_hf_file_system.py::test_find_deeply_nested_repo_is_split_recursively",
        "test_hub_mixin.py::TestHubMixin::test_autocomplete_works_as_expected",
    ),
    # `production` tests read what only huggingface.co holds.
    marks="not production",
    added={"conftest.py": "client_conftest.py"},
    expected="expected.toml",
    # A class shares repos, so its tests stay together.
    distribution="loadscope",
    environment={"HF_HUB_DISABLE_XET": "1"},
)
# The same by the client's default.
HUGGINGFACE_HUB_BY_XET = replace(HUGGINGFACE_HUB, environment={})
# Left out is what reads datasets that only huggingface.co holds.
DATASETS = Suite(
    library="datasets",
    tests=(
        "test_file_utils.py::test_xexists_private",
        "test_file_utils.py::test_xgetsize_private",
        "test_file_utils.py::test_xglob_private",
        "test_file_utils.py::test_xisdir_private",
        "test_file_utils.py::test_xisfile_private",
        "test_file_utils.py::test_xlistdir_private",
        "test_file_utils.py::test_xwalk_private",
        "test_hub.py::test_delete_from_hub",
        "test_inspect.py::test_get_dataset_config_info_private",
        "test_load.py::test_load_dataset_builder_private_dataset",
        "test_load.py::test_load_dataset_private_zipped_images",
        "test_load.py::test_load_streaming_private_dataset",
        "test_load.py::test_load_streaming_private_dataset_with_zipped_data",
        "test_upstream_hub.py",
    ),
    added={
        "conftest.py": "datasets_conftest.py",
        "fixtures/__init__.py": "__init__.py",
        "fixtures/hub.py": "datasets_fixtures_hub.py",
        "utils.py": "datasets_utils.py",
    },
    expected="datasets_expected.toml",
)
SUITES = {
    "huggingface_hub": HUGGINGFACE_HUB,
    "huggingface_hub-xet": HUGGINGFACE_HUB_BY_XET,
    "datasets": DATASETS,
}
