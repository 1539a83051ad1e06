"""Users, their tokens, and what each may touch."""

import hashlib
import os
import secrets
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from local_hub.database import Database
from local_hub.directory import flush
from local_hub.users_file import OWNER_NAME as OWNER_NAME
from local_hub.users_file import UsersFile

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY,
    fullname TEXT NOT NULL,
    owns_everything INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS tokens (
    digest TEXT PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES users(name)
);
CREATE TABLE IF NOT EXISTS memberships (
    organization TEXT NOT NULL,
    user_name TEXT NOT NULL REFERENCES users(name),
    PRIMARY KEY (organization, user_name)
);
CREATE TABLE IF NOT EXISTS organizations (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    fullname TEXT NOT NULL,
    private_by_default INTEGER NOT NULL
);
"""

TOKEN_FILE = "token"  # noqa: S105 - the name of a file


@dataclass(frozen=True)
class User:
    """Someone who sent a valid token."""

    name: str
    fullname: str
    owns_everything: bool
    organizations: frozenset[str] = field(default_factory=frozenset)

    def may_use(self, namespace: str) -> bool:
        """Whether this user reads private repos of the namespace and writes to it."""
        return self.owns_everything or namespace == self.name or namespace in self.organizations


class Accounts:
    """The users of one hub."""

    def __init__(self, database: Database) -> None:
        database.add_schema(SCHEMA)
        self._database = database

    def ensure_owner(self, directory: Path) -> str:
        """Makes the token in `<directory>/token` (mode 0600, created once) the only one of the machine's own user."""
        token = read_or_create_token(directory / TOKEN_FILE)
        with self._database.write() as db:
            db.execute("DELETE FROM tokens WHERE user_name = ?", (OWNER_NAME,))
            _add_user(db, OWNER_NAME, "Local user", token, frozenset(), owns_everything=True)
        return token

    def add_user(
        self,
        name: str,
        fullname: str,
        token: str,
        organizations: frozenset[str] = frozenset(),
        owns_everything: bool = False,
    ) -> None:
        """Adds a user with a token; adding the same again changes nothing."""
        with self._database.write() as db:
            _add_user(db, name, fullname, token, organizations, owns_everything)

    def replace_by(self, listed: UsersFile) -> None:
        """Makes the users of the file, besides the machine's own, the only ones with a token."""
        with self._database.write() as db:
            db.execute("DELETE FROM tokens WHERE user_name != ?", (OWNER_NAME,))
            db.execute("DELETE FROM memberships")
            db.execute("DELETE FROM organizations")
            for organization in listed.organizations:
                fields = (organization.name, organization.fullname, organization.private_by_default)
                db.execute("INSERT INTO organizations VALUES (?, ?, ?)", fields)
            for user in listed.users:
                _add_user(db, user.name, user.fullname, user.token, user.organizations)
                db.execute("UPDATE users SET fullname = ? WHERE name = ?", (user.fullname, user.name))

    def fullname_of(self, organization: str) -> str:
        """What an organization is called; its name, if it is not a listed one."""
        row = self._organization(organization)
        return str(row["fullname"]) if row else organization

    def is_private_by_default(self, namespace: str) -> bool:
        """Whether a repo that is created there without a visibility is private."""
        row = self._organization(namespace)
        return bool(row and row["private_by_default"])

    def _organization(self, name: str) -> sqlite3.Row | None:
        with self._database.read() as db:
            row: sqlite3.Row | None = db.execute(
                "SELECT * FROM organizations WHERE name = ?", (name,)
            ).fetchone()
            return row

    def find_by_token(self, token: str) -> User | None:
        """The user who holds the token, or None."""
        with self._database.read() as db:
            row = db.execute(
                "SELECT users.* FROM tokens JOIN users ON users.name = user_name WHERE digest = ?",
                (_digest(token),),
            ).fetchone()
            if row is None:
                return None
            members = db.execute("SELECT organization FROM memberships WHERE user_name = ?", (row["name"],))
            organizations = frozenset(member["organization"] for member in members)
        return User(row["name"], row["fullname"], bool(row["owns_everything"]), organizations)


def _add_user(
    db: sqlite3.Connection,
    name: str,
    fullname: str,
    token: str,
    organizations: frozenset[str],
    owns_everything: bool = False,
) -> None:
    db.execute("INSERT OR IGNORE INTO users VALUES (?, ?, ?)", (name, fullname, owns_everything))
    db.execute("INSERT OR REPLACE INTO tokens VALUES (?, ?)", (_digest(token), name))
    for organization in organizations:
        db.execute("INSERT OR IGNORE INTO memberships VALUES (?, ?)", (organization, name))


def read_or_create_token(path: Path) -> str:
    """The secret in the file; a new one, readable by its owner only, where there is no file or one without a secret."""
    return _read_token(path) or _create_token(path)


def _read_token(path: Path) -> str:
    """The secret, or nothing: a file that a power cut left empty, or full of zeros, holds what anybody can guess."""
    token = path.read_bytes().strip().decode(errors="replace") if path.exists() else ""
    return token if token.isascii() and token.isprintable() else ""


def _create_token(path: Path) -> str:
    token = "hf_local" + secrets.token_hex(16)
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    flush(path.parent)
    return token


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
