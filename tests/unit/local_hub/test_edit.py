"""Whatever is put into a tree and deleted from it, it holds what a plain dictionary of paths would."""

from hypothesis import given, settings
from hypothesis import strategies as st

from local_hub.errors import ApiError
from local_hub.repos.edit import TreeEditor
from local_hub.repos.trees import Entry, save_folder, walk

# So few names that files and folders often want the same one.
PATHS = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map("/".join)
EDITS = st.lists(st.tuples(st.sampled_from(["put", "put", "delete"]), PATHS), max_size=8)


def put(editor, model, path, entry):
    clashes = any(path.startswith(f"{file}/") or file.startswith(f"{path}/") for file in model)
    try:
        editor.put(path, entry)
    except ApiError:
        assert clashes
    else:
        assert not clashes
        model[path] = entry


def delete(editor, model, path):
    files = [file for file in model if f"{file}/".startswith(f"{path}/")]
    try:
        editor.delete(path)
    except ApiError:
        assert not files
    for file in files:
        del model[file]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(commits=st.lists(EDITS, min_size=1, max_size=3))
def test_a_tree_holds_after_each_commit_what_a_dictionary_does(database, commits):
    model = {}
    with database.write() as db:
        root = save_folder(db, {})
        for edits in commits:
            editor = TreeEditor(db, root)
            for number, (action, path) in enumerate(edits):
                if action == "put":
                    put(editor, model, path, Entry("file", f"{number:040}"))
                else:
                    delete(editor, model, path)
            root = editor.save()
            found = dict(walk(db, root))
            folders = {path for path, entry in found.items() if entry.is_folder}
            assert {path: entry for path, entry in found.items() if path not in folders} == model
            assert all(any(file.startswith(f"{folder}/") for file in model) for folder in folders)
