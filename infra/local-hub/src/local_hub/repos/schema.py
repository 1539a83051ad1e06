"""The tables of repos. Commits and trees are never changed; refs move, and a commit goes when no ref leads to it."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS repos (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL,
    namespace TEXT NOT NULL COLLATE NOCASE,
    name TEXT NOT NULL COLLATE NOCASE,
    private INTEGER NOT NULL,
    gated TEXT,
    created_at TEXT NOT NULL,
    UNIQUE (type, namespace, name)
);
CREATE TABLE IF NOT EXISTS former_names (
    type TEXT NOT NULL,
    namespace TEXT NOT NULL COLLATE NOCASE,
    name TEXT NOT NULL COLLATE NOCASE,
    repo_id INTEGER NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
    PRIMARY KEY (type, namespace, name)
);
CREATE TABLE IF NOT EXISTS trees (
    id TEXT PRIMARY KEY,
    entries BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS commits (
    repo_id INTEGER NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
    sha TEXT NOT NULL,
    parent TEXT,
    tree_id TEXT NOT NULL REFERENCES trees(id),
    title TEXT NOT NULL,
    message TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at TEXT NOT NULL,
    salt TEXT,
    PRIMARY KEY (repo_id, sha)
);
CREATE TABLE IF NOT EXISTS refs (
    repo_id INTEGER NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('heads', 'tags')),
    name TEXT NOT NULL,
    sha TEXT NOT NULL,
    PRIMARY KEY (repo_id, kind, name),
    FOREIGN KEY (repo_id, sha) REFERENCES commits(repo_id, sha) DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE IF NOT EXISTS pull_requests (
    repo_id INTEGER NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    sha TEXT NOT NULL,
    base TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    author TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('draft', 'open', 'closed', 'merged')),
    created_at TEXT NOT NULL,
    merged_as TEXT,
    PRIMARY KEY (repo_id, number),
    FOREIGN KEY (repo_id, sha) REFERENCES commits(repo_id, sha) DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE IF NOT EXISTS access_requests (
    repo_id INTEGER NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
    user_name TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
    changed_at TEXT NOT NULL,
    PRIMARY KEY (repo_id, user_name)
);
CREATE TABLE IF NOT EXISTS likes (
    repo_id INTEGER NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
    user_name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (repo_id, user_name)
);
CREATE TABLE IF NOT EXISTS contents (
    sha256 TEXT PRIMARY KEY,
    content BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS large_files (
    repo_id INTEGER NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (repo_id, sha256)
);
"""
