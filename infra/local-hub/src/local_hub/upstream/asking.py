"""Asking upstream: each thing once at a time and not too often, and nobody waits for one that is down."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from local_hub.upstream.client import NotConnectedError, RefusedError, UnreachableError, UnusableError
from local_hub.upstream.refusals import explain_refusal, explain_unreachable

logger = logging.getLogger("local_hub.upstream")

# A branch may have moved after so long; an upstream that did not answer may be back.
CALM_SECONDS = 10.0
# A client waits 10 s for an answer: what is kept is given after less.
PATIENCE_SECONDS = 3.0


class Asking:
    """What is being asked, what was answered a moment ago, and whether upstream answers at all."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._answered: dict[object, tuple[float, RefusedError | None]] = {}
        self._under_way: dict[object, asyncio.Task[None]] = {}
        self._silence: tuple[float, UnreachableError] | None = None
        # Until it has answered again: what is kept is served at once, while it is asked in the background.
        self._is_in_doubt = False

    async def close(self) -> None:
        """Ends what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def ask(self, key: object, ask: Callable[[], Awaitable[None]], is_kept: bool) -> bool:
        """Asks for what the key names; what is kept does without an answer. Returns whether there is one.

        Raises:
            ApiError: it is not kept, and upstream says no or cannot be used.
        """
        now = time.monotonic()
        calm_until, refusal = self._answered.get(key, (0.0, None))
        if calm_until > now and refusal is not None:
            self._refuse(refusal, is_kept)
            return False
        if is_kept:
            return calm_until > now or await self._ask_patiently(key, ask)
        self.check_answers()
        await self._wait_for_answer(key, ask)
        return True

    def check_answers(self) -> None:
        """Raises `ApiError` where upstream could not be reached a moment ago."""
        if (silence := self._present_silence()) is not None:
            raise explain_unreachable(self._url, silence)

    def note_silence(self, error: UnreachableError) -> None:
        """Remembers for a while that upstream could not be reached."""
        self._silence, self._is_in_doubt = (time.monotonic() + CALM_SECONDS, error), True

    async def _ask_patiently(self, key: object, ask: Callable[[], Awaitable[None]]) -> bool:
        """Waits for a moment, and not at all while upstream is in doubt: it is asked in the background then."""
        if self._present_silence() is not None or (self._is_in_doubt and self._under_way):
            return False
        task = self._begin(key, ask)
        if self._is_in_doubt:
            return False
        try:
            await asyncio.wait_for(asyncio.shield(task), PATIENCE_SECONDS)
            return True
        except TimeoutError:  # it goes on, for the next client
            self._is_in_doubt = True
            logger.info("%s is slow; what is kept is served", self._url)
        except UnreachableError:
            pass
        except RefusedError as error:
            self._refuse(error, is_kept=True)
        return False

    async def _wait_for_answer(self, key: object, ask: Callable[[], Awaitable[None]]) -> None:
        try:
            await asyncio.shield(self._begin(key, ask))
        except UnreachableError as error:
            raise explain_unreachable(self._url, error) from error
        except RefusedError as error:
            self._refuse(error, is_kept=False)

    def _present_silence(self) -> UnreachableError | None:
        """Why upstream did not answer a moment ago; None where it may answer now."""
        if self._silence is None or self._silence[0] <= time.monotonic():
            return None
        return self._silence[1]

    def _refuse(self, refusal: RefusedError, is_kept: bool) -> None:
        if not is_kept and (error := explain_refusal(self._url, refusal)) is not None:
            raise error

    def _begin(self, key: object, ask: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        if key not in self._under_way:
            self._under_way[key] = asyncio.create_task(self._ask_once(key, ask))
            self._under_way[key].add_done_callback(look_at_end)
        return self._under_way[key]

    async def _ask_once(self, key: object, ask: Callable[[], Awaitable[None]]) -> None:
        try:
            await _twice_if_cut_off(ask)
        except UnreachableError as error:
            logger.warning("upstream %s cannot be used: %s; what is kept is served", self._url, error)
            if not isinstance(error, UnusableError):
                self.note_silence(error)
            raise
        except RefusedError as error:
            self._note_answer(key, error)
            raise
        else:
            self._note_answer(key, None)
        finally:
            del self._under_way[key]

    def _note_answer(self, key: object, refusal: RefusedError | None) -> None:
        self._silence, self._is_in_doubt = None, False
        now = time.monotonic()
        self._answered = {known: answer for known, answer in self._answered.items() if answer[0] > now}
        self._answered[key] = now + CALM_SECONDS, refusal


async def _twice_if_cut_off(ask: Callable[[], Awaitable[None]]) -> None:
    """A connection that was kept open may just be closed by the other side."""
    try:
        await ask()
    except (NotConnectedError, UnusableError):
        raise
    except UnreachableError:
        await ask()


def look_at_end(task: asyncio.Task[Any]) -> None:
    """Those who wait for the task learn how it ended; where nobody does any more, that is no error."""
    if not task.cancelled():
        task.exception()
