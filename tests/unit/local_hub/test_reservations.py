"""Room for uploads under way: promised once, given back once, and not for ever."""

from contextlib import suppress

import pytest

from local_hub.errors import ApiError
from local_hub.repos import reservations
from local_hub.repos.blobs import BlobStore
from local_hub.repos.reservations import Arrival, Reservations

REPO, BUCKET = ("repo", 1), ("bucket", 1)


@pytest.fixture
def held():
    """100 and 50 bytes for a repo, 10 for a bucket."""
    held = Reservations()
    held.promise(REPO, "ada", {"a": 100, "b": 50})
    held.promise(BUCKET, "Ada", {"a": 10})
    return held


@pytest.fixture
def incoming(tmp_path):
    with BlobStore(tmp_path).receive_part() as incoming:
        yield incoming


class Clock:
    """The time that reservations go by."""

    def __init__(self) -> None:
        self.now = reservations.time.monotonic()

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(reservations.time, "monotonic", lambda: clock.now)
    return clock


def amounts(held):
    return held.quota_of("ada"), held.disk()


def test_promises_add_up_by_namespace_and_the_newer_replaces_the_older(held):
    assert (amounts(held), held.quota_of("bob")) == ((160, 160), 0)
    held.promise(REPO, "ada", {"a": 70})
    assert amounts(held) == (130, 130)
    held.end(REPO, "a")
    held.end(REPO, "a")
    assert amounts(held) == (60, 60)
    held.end_all(REPO)
    assert amounts(held) == (10, 10)


def test_what_was_announced_for_a_path_is_ended_by_its_size_and_nothing_else_is(held):
    held.promise(REPO, "ada", {"path c": 50, "path d": 50}, by_path=True)
    for size in (50, 49, 50, 50):
        held.end_announced(REPO, size)
    assert amounts(held) == (160, 160)
    held.end(REPO, "b")
    assert amounts(held) == (110, 110)


def test_bytes_that_come_by_no_name_are_of_the_largest_file_that_was_announced(held, incoming):
    assert held.find_announced(REPO, "xet-1") is None
    held.promise(REPO, "ada", {"path c": 20, "path d": 50}, by_path=True)
    held.promise(BUCKET, "ada", {"path e": 90}, by_path=True)
    announced = held.find_announced(REPO, "xet-1")
    assert announced.disk == 50
    with held.arriving(Arrival(REPO, 40, incoming, announced)):
        incoming.write(b"x" * 40)
    assert amounts(held) == (320, 280)
    assert held.find_announced(REPO, "xet-1").disk == 20


def test_what_has_come_is_on_the_disk_and_counts_against_the_quota_until_the_end(held, incoming):
    with held.arriving(Arrival(REPO, 100, incoming, held.find(REPO, "a"))):
        assert amounts(held) == (160, 160)
        incoming.write(b"x" * 30)
        assert amounts(held) == (160, 130)
        incoming.write(b"x" * 70)
    assert amounts(held) == (160, 60)
    held.end(REPO, "a")
    assert amounts(held) == (60, 60)


def test_an_upload_that_breaks_off_may_be_tried_again(held, incoming):
    with suppress(ApiError), held.arriving(Arrival(REPO, 100, incoming, held.find(REPO, "a"))):
        incoming.write(b"x" * 30)
        raise ApiError(408, "")
    assert amounts(held) == (160, 160)


def test_the_same_address_used_twice_at_once_needs_the_room_twice(held, incoming, tmp_path):
    promise = held.find(REPO, "a")
    with (
        BlobStore(tmp_path).receive_part() as other,
        held.arriving(Arrival(REPO, 100, incoming, promise)),
        held.arriving(Arrival(REPO, 100, other, promise)),
    ):
        assert amounts(held) == (160, 260)
    held.end_all(REPO)
    held.end_all(BUCKET)
    assert amounts(held) == (0, 0)


def test_a_promise_that_is_ended_while_its_bytes_come_is_not_given_back(held, incoming):
    with suppress(ApiError), held.arriving(Arrival(REPO, 100, incoming, held.find(REPO, "a"))):
        held.end_all(REPO)
        raise ApiError(404, "")
    assert amounts(held) == (10, 10)


def test_an_upload_by_xet_keeps_what_was_announced_for_it_and_nothing_that_was_for_a_dead_one(
    incoming, clock
):
    held = Reservations()
    for session, size in (("dead", 100), ("alive", 50)):
        held.promise(REPO, "ada", {f"path {session}": size}, by_path=True)
        held.take_announced(REPO, session)
    held.promise(REPO, "ada", {"path more": 7}, by_path=True)  # which may be of any that goes on
    assert held.find_announced(REPO, "alive").disk == 50
    with held.arriving(Arrival(REPO, 0, incoming, held.find_announced(REPO, "alive"), "alive")):
        clock.pass_(reservations.QUIET_SECONDS + 1)
        assert amounts(held) == (57, 57)
    assert held.find_announced(REPO, "dead").disk == 7


def test_what_nothing_comes_of_is_given_to_others_but_not_while_something_comes(held, incoming, clock):
    with held.arriving(Arrival(REPO, 100, incoming, held.find(REPO, "a"))):
        clock.pass_(reservations.QUIET_SECONDS + 1)
        assert held.quota_of("ada") == 150
    clock.pass_(reservations.QUIET_SECONDS + 1)
    assert held.quota_of("ada") == 0
