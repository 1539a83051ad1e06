"""Who is logged in by a browser. A session opens pages and presses their buttons: the API looks at tokens alone."""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict

from local_hub.accounts import User

SESSION_SECONDS = 7 * 24 * 3600.0
CODE_SECONDS = 300.0
_MOST = 1000


class Sessions:
    """The sessions of one hub. They end with it, and so never outlive the tokens that they were begun with."""

    def __init__(self) -> None:
        self._codes = _Expiring(CODE_SECONDS)
        self._sessions = _Expiring(SESSION_SECONDS)

    def begin(self, user: User) -> str:
        """The secret of a new session."""
        return self._sessions.add(user)

    def make_code(self, user: User) -> str:
        """A code that begins one session of the user, once and within five minutes."""
        return self._codes.add(user)

    def redeem(self, code: str) -> str | None:
        """The secret of a new session; None if the code was used, is too old, or never was one."""
        user = self._codes.remove(code)
        return None if user is None else self.begin(user)

    def user_of(self, secret: str) -> User | None:
        """Whose session this is; None if it has ended."""
        return self._sessions.find(secret)

    def end(self, secret: str) -> None:
        """Ends a session."""
        self._sessions.remove(secret)


class _Expiring:
    """Users by secrets, of which the hashes are kept, for so many seconds; the oldest go where they are too many."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._users: OrderedDict[bytes, tuple[User, float]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, user: User) -> str:
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._users[_digest(secret)] = user, time.monotonic() + self._seconds
            while len(self._users) > _MOST:
                self._users.popitem(last=False)
        return secret

    def find(self, secret: str) -> User | None:
        with self._lock:
            return _valid(self._users.get(_digest(secret)))

    def remove(self, secret: str) -> User | None:
        with self._lock:
            return _valid(self._users.pop(_digest(secret), None))


def _valid(found: tuple[User, float] | None) -> User | None:
    return found[0] if found is not None and time.monotonic() < found[1] else None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
