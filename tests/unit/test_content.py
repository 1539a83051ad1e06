import hashlib

from shared.content import combine_hashes, hash_rows


def test_the_hash_of_rows_is_that_of_canonical_json_lines():
    lines = '{"cop":1,"exp":null,"question":"Ä?"}\n{"cop":0}\n'
    expected = f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
    assert hash_rows([{"question": "Ä?", "exp": None, "cop": 1}, {"cop": 0}]) == expected


def test_the_hash_of_rows_depends_on_their_order():
    assert hash_rows([{"id": "a"}, {"id": "b"}]) != hash_rows([{"id": "b"}, {"id": "a"}])


def test_hashes_are_combined_with_their_names_in_their_order():
    lines = "sft x\neval y\n"
    expected = f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
    assert combine_hashes({"sft": "x", "eval": "y"}) == expected
