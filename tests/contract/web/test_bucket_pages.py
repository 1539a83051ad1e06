"""What the page of a bucket shows, and to whom."""

HOSTILE = "<script>alert(1)</script>"


def test_a_bucket_is_shown_folder_by_folder_at_the_address_that_the_client_prints(api, name, visit, hub):
    url = api.create_bucket(name, private=True).url
    api.batch_bucket_files(name, add=[(b"x" * 1500, "run/deep/a b.txt"), (b"page", f"{HOSTILE}.html")])
    visitor = visit(hub.token)
    page = visitor.get(url)
    assert page.status_code == 200
    assert f'href="/buckets/{name}/tree/run"' in page.text
    assert HOSTILE not in page.text
    folder = visitor.get(f"/buckets/{name}/tree/run/deep")
    assert "1.5 kB" in folder.text
    file = visitor.get(f"/buckets/{name}/raw/run/deep/a%20b.txt")
    assert (file.content, file.headers["Content-Disposition"]) == (
        b"x" * 1500,
        "attachment; filename*=utf-8''a%20b.txt",
    )
    for view in ("/tree/nowhere", "/raw/nowhere", "/raw/run"):
        assert visitor.get(f"/buckets/{name}{view}").status_code == 404
    for address in (url, f"/buckets/{name}/raw/run/deep/a%20b.txt"):
        assert visit().get(address).status_code == 404
        assert visit("hf_ada").get(address).status_code == 404


def test_an_empty_bucket_says_so(api, name, visit):
    assert "There are no files." in visit().get(api.create_bucket(name).url).text
