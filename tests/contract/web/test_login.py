"""Who a visitor is, and that neither another site nor another user can act as them."""

import re

import httpx
import pytest

from local_hub.accounts import User
from local_hub.cli import main
from local_hub.web import sessions
from local_hub.web.sessions import Sessions

ADA = User("ada", "Ada", False)


def login_code(hub, token):
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(f"{hub.url}/login-code", headers=headers, trust_env=False, verify=False)
    return answer.json()["code"]


def name_of(visitor):
    found = re.search(r"Logged in as</span> (\w+)", visitor.get("/").text)
    return found[1] if found else None


def test_a_token_logs_in_and_out_by_a_cookie_that_only_this_hub_reads(hub, visit):
    visitor = visit()
    answer = visitor.post("/login", data={"token": f" {hub.token}\n", "next": "/models?search=x"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/models?search=x")
    cookie = answer.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/"))
    assert hub.token not in cookie
    assert name_of(visitor) == "local"
    secret = dict(visitor.cookies)
    visitor.post("/logout")
    visitor.cookies.update(secret)
    assert name_of(visitor) is None


def test_an_unknown_token_is_refused_with_a_sentence(visit):
    answer = visit().post("/login", data={"token": "hf_wrong"})
    assert answer.status_code == 403
    assert "Nobody has this token" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "x", "/\r\nx: y", "//["]
)
def test_a_login_leads_nowhere_else(hub, visit, target):
    answer = visit().post("/login", data={"token": hub.token, "next": target})
    assert answer.headers["location"] == "/"


def test_a_link_logs_in_once(hub, visit):
    code = login_code(hub, hub.token)
    first, second = visit(), visit()
    assert first.get(f"/login?code={code}").headers["location"] == "/"
    assert name_of(first) == "local"
    assert second.get(f"/login?code={code}").status_code == 403
    assert name_of(second) is None


def test_a_link_on_a_page_logs_nobody_in(hub, visit):
    for site in ("cross-site", "same-site", "same-origin"):
        visitor, code = visit(), login_code(hub, "hf_ada")
        answer = visitor.get(f"/login?code={code}", headers={"sec-fetch-site": site})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_a_code_takes_a_token_and_ends_after_five_minutes(hub, visit, owner, monkeypatch):
    assert owner.post("/login-code").status_code == 401
    now = [0.0]
    monkeypatch.setattr(sessions.time, "monotonic", lambda: now[0])
    opened = Sessions()
    code, late = opened.make_code(ADA), opened.make_code(ADA)
    now[0] = 299
    secret = opened.redeem(code)
    assert secret is not None
    assert opened.user_of(secret) == ADA
    now[0] = 301
    assert opened.redeem(late) is None
    now[0] = sessions.SESSION_SECONDS + 300
    assert opened.user_of(secret) is None


def test_a_session_is_no_token_to_the_api(owner, api, name):
    api.create_repo(name, private=True)
    assert owner.get(f"/{name}").status_code == 200
    assert owner.get("/api/whoami-v2").status_code == 401
    assert owner.get(f"/api/models/{name}").status_code == 401
    assert owner.get(f"/{name}/resolve/main/.gitattributes").status_code == 401


def test_what_another_site_sends_changes_nothing(hub, owner):
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": hub.url.replace("127.0.0.1", "localhost")},
        {"origin": hub.url, "sec-fetch-site": "same-site"},
    ):
        answer = owner.post("/logout", headers=headers)
        assert answer.status_code == 403
    del owner.headers["origin"]
    assert owner.post("/logout").status_code == 403
    assert name_of(owner) == "local"


def test_a_name_that_others_chose_for_this_machine_is_refused(hub, owner):
    port = hub.url.rpartition(":")[2]
    for host in (f"evil.example:{port}", "127.0.0.1.evil.example", "[", ""):
        answer = owner.get("/", headers={"host": host})
        assert answer.status_code in (400, 421), host
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert owner.get("/", headers={"host": host}).status_code == 200


def test_the_command_prints_a_link_that_logs_in(hub, visit, capsys):
    assert main(["web", "--dir", str(hub.directory)]) == 0
    printed = capsys.readouterr().out.strip()
    visitor = visit()
    assert visitor.get(printed).status_code == 303
    assert name_of(visitor) == "local"
    assert hub.token not in printed


def test_the_command_says_what_to_do_where_no_hub_runs(tmp_path, capsys):
    assert main(["web", "--dir", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"Start it: local-hub start --dir {tmp_path}" in printed.err
