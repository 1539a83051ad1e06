"""A listing can begin anywhere: page by page it is the same as in one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from local_hub.repos.edit import TreeEditor
from local_hub.repos.trees import Entry, save_folder, walk

# Letters before and after "/" in the alphabet: "a-b" sorts before "a/b" as a text, and after the folder "a".
PATHS = st.lists(st.text("ab-.0", min_size=1, max_size=2), min_size=1, max_size=4).map("/".join)


@settings(max_examples=50)
@given(paths=st.sets(PATHS, max_size=12))
def test_what_comes_after_a_path_is_the_rest_of_the_listing(database, paths):
    kept = {path for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    with database.write() as db:
        editor = TreeEditor(db, save_folder(db, {}))
        for path in kept:
            editor.put(path, Entry("file", "0" * 40))
        root = editor.save()
        for recursive in (True, False):
            whole = [path for path, _ in walk(db, root, "x/", recursive)]
            for place, path in enumerate(whole):
                after = path.removeprefix("x/")
                assert [found for found, _ in walk(db, root, "x/", recursive, after)] == whole[place + 1 :]
