"""A folder is read and changed in the form in which it is stored, whatever its files are called."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from local_hub.repos.trees import EMPTY, Entry, Folder

# All that its JSON is made of, what has to be escaped in it, and what sorts otherwise as JSON than as a text.
NAMES = st.text('"[],:\\ aé\U0001f600', min_size=1, max_size=6)
ENTRIES = st.builds(
    Entry,
    st.sampled_from(["file", "lfs", "folder"]),
    st.sampled_from(["0" * 40, "1" * 40]),
    st.integers(0, 2**60),
    st.sampled_from(["", "2" * 64]),
)
FOLDERS = st.dictionaries(NAMES, ENTRIES, max_size=12)
CHANGES = st.dictionaries(NAMES, st.none() | ENTRIES, max_size=12)


@settings(max_examples=200)
@given(before=FOLDERS, changes=CHANGES)
def test_a_changed_folder_holds_what_a_dictionary_would(before, changes):
    changed = Folder("", EMPTY.changed(before)).changed(changes)
    expected = {name: entry for name, entry in {**before, **changes}.items() if entry is not None}
    folder = Folder("", changed)
    assert list(folder.items()) == sorted(expected.items())
    assert len(folder) == len(expected)
    assert {name: folder.get(name) for name in {*before, *changes}} == {
        name: expected.get(name) for name in {*before, *changes}
    }


@settings(max_examples=100)
@given(before=FOLDERS, changes=CHANGES)
def test_the_same_entries_are_stored_the_same_whichever_way_they_came(before, changes):
    after = {name: entry for name, entry in {**before, **changes}.items() if entry is not None}
    changed = Folder("", EMPTY.changed(before)).changed(changes)
    rows = [[name, entry.kind, entry.oid, entry.size, entry.sha256] for name, entry in sorted(after.items())]
    assert changed == EMPTY.changed(after) == json.dumps(rows, separators=(",", ":")).encode()


def test_a_folder_of_many_files_is_listed_from_any_name_and_finds_each():
    names = [f"{number:04}.txt" for number in range(0, 3000, 2)]
    entry = Entry("file", "0" * 40)
    folder = Folder("", EMPTY.changed(dict.fromkeys(names, entry)))
    assert list(folder) == names
    assert [name for name, _ in folder.items("1400")] == names[700:]
    assert [name for name, _ in folder.items("2998.txt")] == names[1499:]
    assert list(folder.items("3")) == []
    found = [number for number in range(3001) if folder.get(f"{number:04}.txt") == entry]
    assert found == list(range(0, 3000, 2))
