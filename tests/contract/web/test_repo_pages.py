"""What the pages of repos show, and that nothing in a repo becomes part of them but as text."""

import io
import json
import re
import sqlite3
import struct
import sys

import pyarrow
import pyarrow.parquet as parquet
from huggingface_hub import CommitOperationAdd

from local_hub.web.parquet import NO_PYARROW, _table

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
CARD = "---\nlicense: mit\ntags: ['<b>bold</b>']\n---\n# Title\n[config](config.json) ![far](http://evil.example/x.png)\n"
TENSOR = {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "half \ud800": {}}


def commit(api, name, files, title="Add files", repo_type="model", **options):
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    return api.create_commit(name, operations, commit_message=title, repo_type=repo_type, **options)


def links(text):
    return re.findall(r'href="([^"]+)"', text)


def test_a_repo_is_listed_and_shows_its_files_with_sizes_and_its_readme(api, name, visit):
    url = api.create_repo(name)
    commit(api, name, {"README.md": CARD.encode(), "config.json": b'{"a": 1}', "sub/deep.txt": b"x" * 1500})
    visitor = visit()
    for address in ("/", "/models", f"/models?search={name[-8:]}", "/local"):
        assert f'href="/{name}"' in visitor.get(address).text
    page = visitor.get(url)  # the address that the client prints
    assert page.status_code == 200
    assert f'href="/{name}/blob/main/config.json"' in page.text
    assert "8 B" in page.text
    assert "<h3>Title</h3>" in page.text
    assert "<dd>mit</dd>" in page.text
    assert "1.5 kB" in visitor.get(f"/{name}/tree/main/sub").text


def test_datasets_and_models_of_one_name_are_told_apart(api, name, visit):
    for repo_type in ("model", "dataset"):
        api.create_repo(name, repo_type=repo_type)
        commit(api, name, {"of": repo_type.encode()}, repo_type=repo_type)
    assert "model" in visit().get(f"/{name}/raw/main/of").text
    assert "dataset" in visit().get(f"/datasets/{name}/raw/main/of").text
    assert '<a href="/models" aria-current="true">' in visit().get(f"/{name}").text
    assert '<a href="/datasets" aria-current="true">' in visit().get(f"/datasets/{name}").text


def test_what_a_repo_holds_is_text_wherever_it_is_shown(api, name, visit):
    api.create_repo(name)
    path = "<script>alert(3)<"
    files = {
        "README.md": f"---\nlicense: '{HOSTILE[:25]}'\n---\n{HOSTILE}\n[x](javascript:alert(1))".encode()
    }
    files |= {f"{path}/a.txt": HOSTILE.encode(), "a.json": json.dumps({"k": HOSTILE}).encode()}
    sha = commit(api, name, files, HOSTILE, commit_description=HOSTILE).oid
    proposal = commit(api, name, {"b.txt": HOSTILE.encode()}, HOSTILE, create_pr=True)
    api.create_branch(name, branch="<img/src=x/onerror=alert(4)>")
    visitor = visit()
    pages = [
        "",
        "/tree/main",
        "/tree/main/%3Cscript%3Ealert(3)%3C",
        "/blob/main/%3Cscript%3Ealert(3)%3C/a.txt",
    ]
    pages += ["/blob/main/README.md", "/blob/main/README.md?plain", "/blob/main/a.json", "/commits/main"]
    pages += [f"/commit/{sha}", "/discussions", f"/discussions/{proposal.pr_num}"]
    for page in pages:
        answer = visitor.get(f"/{name}{page}")
        assert answer.status_code == 200, page
        assert not re.search(r"<script>|<img src=x|<img/src|href=\"javascript", answer.text), page
        assert "alert(" in answer.text, page
    assert "<script>" not in visitor.get("/models?search=%3Cscript%3E").text


def test_links_of_a_readme_lead_into_its_repo_and_images_of_other_sites_are_not_loaded(api, name, visit):
    api.create_repo(name)
    readme = "[up](../config.json) [a](b%20c.txt) [far](https://example.org/)"
    readme += " ![chart](chart.png) ![far](//evil.example/x)"
    commit(api, name, {"docs/README.md": readme.encode()})
    page = visit().get(f"/{name}/tree/main/docs").text
    assert f'href="/{name}/blob/main/config.json"' in page
    assert f'href="/{name}/blob/main/docs/b%20c.txt"' in page
    assert 'href="https://example.org/" rel="noopener noreferrer nofollow"' in page
    assert f'src="/{name}/raw/main/docs/chart.png"' in page
    assert "evil.example" not in page


def test_files_are_shown_as_what_they_are(api, name, visit):
    table, values = io.BytesIO(), {"question": [f"Which {n}?" for n in range(30)], "text": [HOSTILE] * 30}
    parquet.write_table(pyarrow.table(values), table)
    header = json.dumps(TENSOR).encode()
    api.create_repo(name, repo_type="dataset")
    commit(
        api,
        name,
        {
            "rows.parquet": table.getvalue(),
            "a.json": b'{"a":[1]}',
            "half.json": b'"\\ud800"',
            "model.safetensors": struct.pack("<Q", len(header)) + header + bytes(24),
            "weights.pkl": b"\x80\x04cos\nsystem\n\x00",
            "latin.txt": "Größe".encode("latin-1"),
            "page.html": b"<p>hello",
            "nothing.txt": b"",
        },
        repo_type="dataset",
    )

    def show(file):
        return visit().get(f"/datasets/{name}/blob/main/{file}").text

    rows = show("rows.parquet")
    assert "The first 20 of 30 rows" in rows
    assert "Which 19?" in rows
    assert "<script>" not in rows
    assert '<span id="L2">  &#34;a&#34;: [\n</span>' in show("a.json")
    assert "?" in show("half.json")
    assert "<td>2 × 3</td>" in show("model.safetensors")
    assert "Nothing of it was loaded or run" in show("weights.pkl")
    assert "Nothing of it was loaded or run" in show("latin.txt")
    assert 'sandbox="allow-scripts"' in show("page.html")
    assert "This file is empty." in show("nothing.txt")


def test_a_broken_parquet_file_says_so():
    assert _table(io.BytesIO(b"PAR1 no"))["note"].startswith("This cannot be read as parquet: ")


def test_without_pyarrow_a_page_says_how_to_see_the_rows(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert _table(io.BytesIO())["note"] == NO_PYARROW


def test_a_commit_shows_what_changed(api, name, visit):
    api.create_repo(name)
    commit(api, name, {"a.txt": b"one\ntwo\n", "gone.bin": b"\0"}, "First")
    api.delete_file("gone.bin", name, commit_message="Clear")
    made = commit(api, name, {"a.txt": b"one\n2\n", "new/b.txt": b"b\n"}, "Change", commit_description="Why")
    page = visit().get(made.commit_url).text  # the address that the client prints
    assert '<span class="minus">-two\n</span><span class="plus">+2\n</span>' in page
    assert "new/b.txt" in page
    assert '<pre class="message">Why</pre>' in page
    assert "gone.bin" not in page
    history = visit().get(f"/{name}/commits/main").text
    assert history.index("Change") < history.index("Clear") < history.index("First")
    before = next(link for link in links(page) if link.startswith(f"/{name}/commit/"))
    assert '<span class="badge removed">removed</span>' in visit().get(before).text


def test_a_pull_request_shows_what_it_would_change_and_opens_by_the_address_that_the_client_prints(
    api, name, visit
):
    api.create_repo(name)
    made = commit(api, name, {"a.txt": b"proposed\n"}, "Propose", create_pr=True)
    commit(api, name, {"main.txt": b"meanwhile\n"})
    page = visit().get(made.pr_url).text
    assert "+proposed" in page
    assert "main.txt" not in page
    assert f'href="/{name}/discussions/1"' in visit().get(f"/{name}/discussions").text


def test_the_address_of_a_folder_leads_to_a_file_and_the_other_way_round(api, name, visit):
    api.create_repo(name)
    commit(api, name, {"README.md": b"[all](a%20b/) [one](a%20b/c.txt)", "a b/c.txt": b"what is in it"})
    visitor = visit()
    assert f'href="/{name}/blob/main/a%20b">all' in visitor.get(f"/{name}").text
    folder = visitor.get(f"/{name}/blob/main/a%20b", follow_redirects=True)
    assert folder.url.path == f"/{name}/tree/main/a b"
    file = visitor.get(f"/{name}/tree/main/a%20b/c.txt", follow_redirects=True)
    assert file.url.path == f"/{name}/blob/main/a b/c.txt"
    assert "what is in it" in file.text
    assert visitor.get(f"/{name}/tree/main/a%20b/none").status_code == 404


def test_names_with_slashes_and_spaces_open(api, name, visit):
    api.create_repo(name)
    commit(api, name, {"a b/ü#?.txt": b"found"})
    api.create_branch(name, branch="feat/x")
    visitor = visit()
    page = visitor.get(f"/{name}/tree/feat%2Fx").text
    (folder,) = {link for link in links(page) if "/tree/feat%2Fx/" in link}
    (file,) = {link for link in links(visitor.get(folder).text) if "/blob/" in link}
    assert "found" in visitor.get(file).text


def test_a_long_folder_comes_in_pages_that_hold_every_file_once(api, name, visit):
    api.create_repo(name)
    commit(api, name, {f"files/{number:04}.txt": b"" for number in range(601)})
    visitor, seen, address = visit(), [], f"/{name}/tree/main/files"
    while address:
        page = visitor.get(address).text
        seen += re.findall(r">(\d{4}\.txt)</a>", page)
        more = re.search(r'rel="next" href="([^"]+)"', page)
        address = more[1].replace("&amp;", "&") if more else None
    assert seen == [f"{number:04}.txt" for number in range(601)]


def test_raw_files_are_sent_so_that_nothing_in_them_can_act(api, name, visit):
    api.create_repo(name)
    commit(api, name, {"x.html": b"<script>1</script>", "x.svg": b"<svg/>", "x.txt": b"0123456789"})
    visitor = visit()
    raw = visitor.get(f"/{name}/raw/main/x.html")
    assert raw.headers["content-type"] == "text/plain; charset=utf-8"
    assert raw.headers["x-content-type-options"] == "nosniff"
    assert raw.headers["content-security-policy"].startswith("sandbox;")
    assert visitor.get(f"/{name}/raw/main/x.svg").headers["content-security-policy"].startswith("sandbox;")
    assert visitor.get(f"/{name}/raw/main/x.txt", headers={"range": "bytes=2-4"}).text == "234"
    saved = visitor.get(f"/{name}/raw/main/x.html?download").headers["content-disposition"]
    assert saved.startswith("attachment;")
    framed = visitor.get(f"/{name}/page/main/x.html")
    assert framed.headers["content-type"] == "text/html; charset=utf-8"
    policy = framed.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "allow-same-origin" not in policy
    assert visitor.get(f"/{name}/page/main/x.txt").status_code == 404


def test_pages_allow_no_script_but_their_own_file_and_no_frame_around_them(api, name, visit, hub):
    api.create_repo(name)
    headers = visit().get(f"/{name}").headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == f"{hub.url}/-/web/"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    for asset in ("style.css", "live.js", "icon.svg"):
        assert visit().get(f"/-/web/{asset}").status_code == 200
    assert visit().get("/-/web/..%2Frender.py").status_code == 404


def test_an_api_address_that_is_not_there_still_says_so_to_programs(visit):
    for address in ("/api/nothing", "/api/collections", "/v1/x"):
        answer = visit().get(address)
        assert (answer.status_code, answer.headers["content-type"]) == (501, "application/json")


def test_private_repos_are_as_if_they_were_not_there(api, name, visit):
    api.create_repo(name, private=True)
    commit(api, name, {"a.html": b"secret"})
    commit(api, name, {"a.html": b"proposed"}, create_pr=True)
    views = ["", "/tree/main", "/blob/main/a.html", "/raw/main/a.html", "/page/main/a.html"]
    views += ["/commits/main", "/commit/main", "/discussions", "/discussions/1"]
    for visitor in (visit(), visit("hf_ada")):
        for view in views:
            private, missing = visitor.get(f"/{name}{view}"), visitor.get(f"/local/none{view}")
            assert private.status_code == missing.status_code == 404
            assert private.text.replace(name, "local/none") == missing.text
        assert name not in visitor.get("/").text + visitor.get("/models").text + visitor.get("/local").text


def test_the_owner_sees_private_repos(api, name, owner):
    api.create_repo(name, private=True)
    assert name in owner.get("/models").text
    assert owner.get(f"/{name}").status_code == 200


def test_files_behind_a_gate_are_listed_and_not_shown(api, name, visit, owner):
    api.create_repo(name)
    sha = commit(api, name, {"README.md": b"for some only", "a.txt": b"for some only"}).oid
    api.update_repo_settings(name, gated="manual")
    pages = ["", f"/commit/{sha}", "/blob/main/a.txt", "/raw/main/a.txt"]
    visitor = visit("hf_ada")
    assert [visitor.get(f"/{name}{page}").status_code for page in pages] == [200, 200, 403, 403]
    assert not any("for some only" in visitor.get(f"/{name}{page}").text for page in pages)
    assert all("for some only" in owner.get(f"/{name}{page}").text for page in pages)


def test_a_copy_of_one_commit_which_has_no_main_branch_is_listed_and_opens_at_it(api, name, visit, hub):
    api.create_repo(name)
    api.create_tag(name, tag="v1")
    with sqlite3.connect(hub.directory / "hub.sqlite3") as db:
        short = name.partition("/")[2]
        db.execute(
            "DELETE FROM refs WHERE name = 'main' AND repo_id = (SELECT id FROM repos WHERE name = ?)",
            (short,),
        )
    db.close()
    visitor = visit()
    for address in ("/", f"/models?search={short}", "/local"):
        assert f'href="/{name}"' in visitor.get(address).text
    assert f'href="/{name}/tree/v1"' in visitor.get(f"/{name}").text
    assert f'href="/{name}/tree/v1"' in visitor.get(f"/{name}/discussions").text


def test_a_namespace_shows_its_newest_repos_and_leads_to_all(api, name, visit):
    api.create_repo(name)
    for number in range(51):
        api.create_repo(f"{name}-{number}", repo_type="dataset")
    page = visit().get("/local").text
    assert page.count('<th scope="row"><a href="/datasets/') == 50
    assert f'href="/datasets/{name}-50"' in page
    assert 'href="/datasets?search=local%2F"' in page


def test_a_card_leads_to_the_repos_that_it_names_and_to_nothing_else(api, name, visit):
    api.create_repo(name)
    card = "---\nbase_model: acme/base\ndatasets: [acme/rows, 'javascript:1/x', ../../login]\n---\n"
    commit(api, name, {"README.md": card.encode()})
    page = visit().get(f"/{name}").text
    assert '<dd><a href="/acme/base">acme/base</a></dd>' in page
    assert '<dd><a href="/datasets/acme/rows">acme/rows</a>, javascript:1/x, ../../login</dd>' in page
