"""What the own tests of `datasets` ask of a conftest, which their distribution lacks: it is copied there as such.

Files and repos have what the tests look for in them, and no more.
"""

import sys
import types
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

import datasets  # noqa: F401 - before the module that it must not find
import pytest
from huggingface_hub import HfApi
from PIL import Image

from .fixtures.hub import CI_HUB_ENDPOINT, CI_HUB_USER, CI_HUB_USER_TOKEN

TEXT = "Text data.\nSecond line of data, no more"
Temporary = Callable[..., AbstractContextManager[str]]

# What a file of tests imports for those among them that call no Hub; `datasets` itself has looked for it before.
sys.modules.setdefault("zstandard", types.ModuleType("zstandard"))


def pytest_configure(config: pytest.Config) -> None:
    """Registers the mark that the tests carry."""
    config.addinivalue_line("markers", "integration")


@pytest.fixture(scope="session", autouse=True)
def example_image() -> None:
    """The picture that tests push, where they look for it."""
    file = Path(__file__).parent / "features" / "data" / "test_image_rgb.jpg"
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 24), (90, 140, 60)).save(file)


@pytest.fixture
def ci_hub_config() -> None:
    """The tests' Hub is that of the environment already."""


@pytest.fixture
def set_ci_hub_access_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs in whoever names no token."""
    monkeypatch.setenv("HF_TOKEN", CI_HUB_USER_TOKEN)


@pytest.fixture(scope="session")
def hf_api() -> HfApi:
    """A client of nobody in particular."""
    return HfApi(endpoint=CI_HUB_ENDPOINT)


@pytest.fixture(scope="session")
def hf_token() -> str:
    """The token of the user to whom all of this belongs."""
    return CI_HUB_USER_TOKEN


@pytest.fixture
def cleanup_repo(hf_api: HfApi, hf_token: str) -> Callable[[str], None]:
    """Deletes a dataset."""

    def delete(repo_id: str) -> None:
        hf_api.delete_repo(repo_id, token=hf_token, repo_type="dataset")

    return delete


@pytest.fixture
def temporary_repo(cleanup_repo: Callable[[str], None]) -> Temporary:
    """Names a dataset for a block, which creates it, and deletes it after that."""

    @contextmanager
    def named(repo_id: str | None = None) -> Iterator[str]:
        repo_id = repo_id or f"{CI_HUB_USER}/test-{uuid4().hex}"
        try:
            yield repo_id
        finally:
            cleanup_repo(repo_id)

    return named


@pytest.fixture
def temporary_bucket(hf_api: HfApi, hf_token: str) -> Temporary:
    """The same for a bucket."""

    @contextmanager
    def named(bucket_id: str | None = None) -> Iterator[str]:
        bucket_id = bucket_id or f"{CI_HUB_USER}/test-{uuid4().hex}"
        try:
            yield bucket_id
        finally:
            hf_api.delete_bucket(bucket_id, token=hf_token)

    return named


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files below are made."""
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="session")
def text_file(folder: Path) -> str:
    """A text."""
    (folder / "text_data.txt").write_text(TEXT)
    return str(folder / "text_data.txt")


@pytest.fixture(scope="session")
def csv_path(folder: Path) -> str:
    """A small table."""
    (folder / "table.csv").write_text("a,b\n1,x\n2,y\n")
    return str(folder / "table.csv")


@pytest.fixture(scope="session")
def zipped_texts(folder: Path, text_file: str) -> str:
    """Two texts in a folder in a ZIP archive."""
    with zipfile.ZipFile(folder / "texts.zip", "w") as archive:
        for number in range(2):
            archive.write(text_file, f"main_dir/text_{number}.txt")
    return str(folder / "texts.zip")


@pytest.fixture(scope="session")
def zipped_images(folder: Path) -> str:
    """Two pictures in a ZIP archive."""
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for number in range(2):
            Image.new("RGB", (16, 16), (80 * number, 0, 0)).save(folder / "image.jpg")
            archive.write(folder / "image.jpg", f"image_{number}.jpg")
    return str(folder / "images.zip")


@contextmanager
def _dataset(api: HfApi, file: str, path: str, *, private: bool = True) -> Iterator[str]:
    repo_id = f"{CI_HUB_USER}/repo-{uuid4().hex}"
    api = HfApi(endpoint=api.endpoint, token=CI_HUB_USER_TOKEN)
    api.create_repo(repo_id, repo_type="dataset", private=private)
    api.upload_file(path_or_fileobj=file, path_in_repo=path, repo_id=repo_id, repo_type="dataset")
    if not private:
        api.update_repo_settings(repo_id, repo_type="dataset", gated="auto")
    yield repo_id
    api.delete_repo(repo_id, repo_type="dataset")


@pytest.fixture
def hf_private_dataset_repo_txt_data(hf_api: HfApi, text_file: str) -> Iterator[str]:
    """A private dataset of a text."""
    with _dataset(hf_api, text_file, "data/text_data.txt") as repo_id:
        yield repo_id


@pytest.fixture
def hf_gated_dataset_repo_txt_data(hf_api: HfApi, text_file: str) -> Iterator[str]:
    """A gated dataset of a text."""
    with _dataset(hf_api, text_file, "data/text_data.txt", private=False) as repo_id:
        yield repo_id


@pytest.fixture
def hf_private_dataset_repo_zipped_txt_data(hf_api: HfApi, zipped_texts: str) -> Iterator[str]:
    """A private dataset of texts in an archive."""
    with _dataset(hf_api, zipped_texts, "data.zip") as repo_id:
        yield repo_id


@pytest.fixture
def hf_private_dataset_repo_zipped_img_data(hf_api: HfApi, zipped_images: str) -> Iterator[str]:
    """A private dataset of pictures in an archive."""
    with _dataset(hf_api, zipped_images, "data.zip") as repo_id:
        yield repo_id
