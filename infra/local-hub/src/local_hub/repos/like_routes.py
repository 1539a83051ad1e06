"""Which users like which repos."""

import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_hub.caller import asking_user, param, signed_in
from local_hub.repos.access import open_repo
from local_hub.repos.paging import page_answer
from local_hub.repos.registry import Repo, get_repo, now
from local_hub.repos.store import store_of

PAGE = 1000


def like(request: Request) -> Response:
    """Notes that the one who asks likes the repo."""
    with store_of(request).database.write() as db:
        row = (open_repo(db, request).key, signed_in(request).name, now())
        db.execute("INSERT OR IGNORE INTO likes VALUES (?, ?, ?)", row)
    return JSONResponse({})


def unlike(request: Request) -> Response:
    """Takes a like back."""
    with store_of(request).database.write() as db:
        row = (open_repo(db, request).key, signed_in(request).name)
        db.execute("DELETE FROM likes WHERE repo_id = ? AND user_name = ?", row)
    return JSONResponse({})


def list_likers(request: Request) -> Response:
    """Lists who likes the repo."""
    with store_of(request).database.read() as db:
        rows = db.execute(
            "SELECT name, fullname FROM likes JOIN users ON name = user_name WHERE repo_id = ? ORDER BY created_at",
            (open_repo(db, request).key,),
        ).fetchall()
    return page_answer(request, rows, PAGE, lambda page: [_liker(row) for row in page])


def list_liked(request: Request) -> Response:
    """Lists what a user likes, as far as the one who asks may see it."""
    with store_of(request).database.read() as db:
        rows = db.execute(
            "SELECT repo_id, created_at FROM likes WHERE user_name = ? ORDER BY created_at DESC",
            (param(request, "user"),),
        ).fetchall()
        liked = [(get_repo(db, row["repo_id"]), row["created_at"]) for row in rows]
    shown = [each for each in liked if each[0].visible_to(asking_user(request))]
    return page_answer(request, shown, PAGE, lambda page: [_liked(*each) for each in page])


def _liker(row: sqlite3.Row) -> dict[str, Any]:
    return {"user": row["name"], "fullname": row["fullname"], "avatarUrl": "", "type": "user"}


def _liked(repo: Repo, created_at: str) -> dict[str, Any]:
    return {"createdAt": created_at, "repo": {"name": repo.id, "type": repo.type}}
