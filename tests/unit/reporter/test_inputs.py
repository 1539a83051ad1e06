"""What the report reads, and what it refuses."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reporter.inputs import (
    Rollout,
    read_curve,
    read_json_lines,
    read_questions,
    read_rollouts,
)
from reporter.predictions import Answer, read_answers
from shared.errors import BadInput

ANSWER = {
    "row_id": "q1", "gold": "B", "text": "{}", "letter": None, "is_json": True, "is_schema": False, "correct": False,
    "problem": "no predicted_category",
}  # fmt: skip
QUESTION = {
    "id": "q1",
    "question": "Q?",
    "opa": "a",
    "opb": "b",
    "opc": "c",
    "opd": "d",
    "cop": 1,
    "exp": None,
}


def write_parquet(path, *rows):
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def write_lines(path, *rows):
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_predictions_are_read_with_the_columns_the_report_needs(tmp_path):
    path = write_parquet(tmp_path / "base.parquet", ANSWER | {"seconds": 0.5, "prompt_hash": "sha256:5f"})
    assert read_answers(path) == [Answer(**ANSWER, seconds=0.5)]


def test_predictions_without_a_column_are_refused_by_its_name(tmp_path):
    rows = {key: value for key, value in ANSWER.items() if key != "is_json"}
    with pytest.raises(
        BadInput, match=r"^base\.parquet of the predictions has no column is_json\. .*make eval"
    ):
        read_answers(write_parquet(tmp_path / "base.parquet", rows))


def test_a_file_that_is_no_parquet_is_refused_by_its_name(tmp_path):
    (tmp_path / "base.parquet").write_bytes(b"<html>502 Bad Gateway</html>")
    with pytest.raises(BadInput, match=r"^base\.parquet is not a parquet file"):
        read_answers(tmp_path / "base.parquet")
    with pytest.raises(BadInput, match=r"^base\.parquet is not a parquet file"):
        read_questions(tmp_path / "base.parquet")


def test_a_question_that_cannot_be_shown_is_left_out(tmp_path):
    path = write_parquet(tmp_path / "eval.parquet", QUESTION, QUESTION | {"id": "q2", "cop": 7})
    assert {key: question.letter for key, question in read_questions(path).items()} == {"q1": "B"}


def test_a_curve_keeps_only_numbers(tmp_path):
    path = write_lines(
        tmp_path / "curves.jsonl", '{"step": 1, "loss": 0.5, "note": "x", "ok": true}', "", '{"step": 2}'
    )
    assert read_curve(path) == [{"step": 1, "loss": 0.5}, {"step": 2}]


def test_what_was_logged_of_one_step_is_one_row_in_the_order_of_steps(tmp_path):
    path = write_lines(
        tmp_path / "curves.jsonl",
        '{"step": 10, "loss": 3.0}',
        '{"step": 20, "loss": 2.0}',
        '{"step": 0, "validation/score": 0.4}',
        # Resumed from step 10.
        '{"step": 20, "loss": 2.1}',
        '{"step": 20, "validation/score": 0.5}',
    )
    assert read_curve(path) == [
        {"step": 0, "validation/score": 0.4},
        {"step": 10, "loss": 3.0},
        {"step": 20, "loss": 2.1, "validation/score": 0.5},
    ]


def test_what_was_not_left_behind_is_empty():
    assert (read_curve(None), read_rollouts(None)) == ([], [])


@pytest.mark.parametrize("line", ["{", "[1]", "not json", "3"])
def test_a_line_that_is_no_object_is_refused_by_its_number(tmp_path, line):
    path = write_lines(tmp_path / "curves.jsonl", '{"step": 1}', line)
    with pytest.raises(BadInput, match=r"^Line 2 of curves\.jsonl is not a JSON object"):
        read_json_lines(path)


def test_only_a_newline_ends_a_line(tmp_path):
    row = {"step": 1, "completion": "a\u2028b\x85c\x0bd", "reward": 1.0}
    path = write_lines(tmp_path / "rollouts.jsonl", json.dumps(row, ensure_ascii=False))
    assert [rollout.completion for rollout in read_rollouts(path)] == ["a\u2028b\x85c\x0bd"]


def test_rollouts_are_read_in_string_and_in_chat_form(tmp_path):
    plain = {
        "step": 3,
        "row_id": 7,
        "completion": "{}",
        "rewards": {"json": 1.0},
        "reward": 1.0,
        "advantage": 0.5,
    }
    chat = {"step": 3, "completion": [{"role": "assistant", "content": "{}"}], "reward": 0}
    path = write_lines(tmp_path / "rollouts.jsonl", json.dumps(plain), json.dumps(chat))
    assert read_rollouts(path) == [
        Rollout(step=3, row_id="7", completion="{}", rewards={"json": 1.0}, reward=1.0, advantage=0.5),
        Rollout(step=3, row_id="", completion="{}", rewards={}, reward=0, advantage=None),
    ]


def test_a_rollout_without_its_reward_is_refused(tmp_path):
    path = write_lines(tmp_path / "rollouts.jsonl", '{"step": 1, "completion": "x"}')
    with pytest.raises(BadInput, match=r"^A rollout has no reward\. .*make grpo"):
        read_rollouts(path)
