"""The lines that a commit changed, as the pages show them."""

import difflib
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from local_hub.repos.contents import save_content
from local_hub.web.changes import MAX_DIFF_LINES, Change, Patience, text_diff

TEXTS = st.lists(st.sampled_from("abc"), max_size=30)


def diff(database, before, after, patience=None):
    with database.write() as db:
        sides = [save_content(db, "\n".join(lines).encode()) for lines in (before, after)]
        return text_diff(db, Change("a.txt", *sides), patience or Patience())


def applied(before, lines):
    """The text that comes out where the hunks of a diff are put into another, each at its own line."""
    after, at = [], 0
    for line in lines:
        if line.startswith("@@"):
            begin = int(line.split()[1][1:].split(",")[0]) - (0 if ",0 " in line.split("+")[0] else 1)
            after += before[at:begin]
            at = begin
        elif line[0] == "+":
            after.append(line[1:])
        else:
            assert before[at] == line[1:]
            after += [line[1:]] if line[0] == " " else []
            at += 1
    return after + before[at:]


@settings(max_examples=30)
@given(before=TEXTS, after=TEXTS, around=st.integers(0, 12))
def test_hunks_say_at_which_line_of_the_file_they_are(database, before, after, around):
    same = [f"same {number}" for number in range(around)]
    before, after = same + before + same, same + after + same
    found = diff(database, before, after)
    assert applied("\n".join(before).splitlines(), found.lines) == "\n".join(after).splitlines()


def test_a_line_in_a_long_file_is_shown_as_difflib_would(database):
    before = [f"line {number}" for number in range(7000)]
    after = [*before[:5000], "new", *before[5001:]]
    expected = list(difflib.unified_diff(before, after, lineterm=""))[2:]
    assert diff(database, before, after).lines == expected


def test_a_commit_that_would_take_minutes_to_compare_takes_a_moment(database):
    """Every other line changed is the worst for difflib: 7 s for one such file."""
    before, after = ([f"{side}{n}" if n % 2 else f"k{n}" for n in range(7900)] for side in "ab")
    patience, begin = Patience(), time.process_time()
    assert [diff(database, before, after, patience) for _ in range(3)] == [None] * 3
    assert diff(database, ["x"], ["y"], patience).lines[-2:] == ["-x", "+y"]
    assert time.process_time() - begin < 2


def test_all_files_of_a_page_share_one_patience(database):
    before, after = ([f"{side}{n}" for n in range(2000)] for side in "ab")
    patience = Patience()
    shown = [diff(database, before, after, patience) is not None for _ in range(7)]
    assert shown == [True] * 5 + [False] * 2
    assert len(diff(database, before, after).lines) == MAX_DIFF_LINES
