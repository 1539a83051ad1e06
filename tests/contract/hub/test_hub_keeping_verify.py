"""Finding damage in a store, while its hub runs."""

from local_hub.cli import main


def test_a_whole_store_is_whole_and_a_damaged_large_file_is_named_with_its_commit(
    tmp_path, start_hub, capsys
):
    directory = tmp_path / "hub"
    api = start_hub(directory).api
    repo = api.create_repo("local/model").repo_id
    commit = api.upload_file(path_or_fileobj=b"\0" * 5000, path_in_repo="a/model.bin", repo_id=repo)
    capsys.readouterr()
    assert main(["verify", "--dir", str(directory)]) == 0
    assert capsys.readouterr().out == "whole: every hash is right\n"
    (blob,) = (directory / "objects").glob("*/*")
    blob.write_bytes(b"\1" * 5000)
    assert main(["verify", "--dir", str(directory)]) == 1
    assert (
        f"model local/model@{commit.oid[:12]}: a/model.bin is damaged" in capsys.readouterr().out.splitlines()
    )


def test_a_folder_without_a_hub_cannot_be_verified(tmp_path, capsys):
    assert main(["verify", "--dir", str(tmp_path)]) == 2
    assert "There is no hub in" in capsys.readouterr().err
