"""What is read of a predictions repo, of this version and of earlier ones."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reporter.predictions import Answer, BaselineAnswer, load_predictions, read_answers
from shared.errors import BadInput

OLDEST = {
    "row_id": "q1", "gold": "B", "text": "{}", "letter": "B", "is_json": True, "is_schema": False, "correct": True,
    "problem": "no reason",
}  # fmt: skip
NEWEST = OLDEST | {
    "rotation": 2, "decoding": "free", "failure": "missing_key", "letter_probabilities": [0.1, 0.6, 0.2, 0.1],
    "question_words": 9, "resembles_training": None, "token_ids": [1, 2],
}  # fmt: skip


def write(folder, path, *rows):
    (folder / path).parent.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / path)
    return path


def load(folder, paths):
    return load_predictions(paths, lambda path: folder / path)


def test_an_earlier_version_left_the_answers_alone(tmp_path):
    paths = [write(tmp_path, f"data/{model}.parquet", OLDEST) for model in ("base", "sft", "grpo")]
    found = load(tmp_path, paths)
    assert found.answers == {key: [Answer(**OLDEST)] for key in ("base", "sft", "grpo")}
    assert (found.constrained, found.rotated, found.calibration, found.bag_of_words) == ({}, {}, {}, [])


def test_every_file_that_is_there_is_read(tmp_path):
    baseline = {
        "row_id": "q1",
        "gold": "B",
        "letter": "A",
        "correct": False,
        "letter_probabilities": [0.25] * 4,
    }
    paths = [
        *(write(tmp_path, f"data/{model}.parquet", NEWEST) for model in ("base", "sft", "grpo")),
        write(tmp_path, "constrained/sft.parquet", NEWEST),
        write(tmp_path, "rotated/base.parquet", NEWEST),
        write(tmp_path, "calibration/grpo.parquet", NEWEST),
        write(tmp_path, "baselines/bag_of_words.parquet", baseline),
    ]
    found = load(tmp_path, paths)
    assert (list(found.constrained), list(found.rotated), list(found.calibration)) == (
        ["sft"],
        ["base"],
        ["grpo"],
    )
    assert found.bag_of_words == [BaselineAnswer("q1", "A", correct=False)]
    (answer,) = found.rotated["base"]
    assert (answer.rotation, answer.failure, answer.letter_probabilities) == (
        2,
        "missing_key",
        (0.1, 0.6, 0.2, 0.1),
    )


def test_a_model_without_its_answers_is_an_error(tmp_path):
    paths = [write(tmp_path, "data/base.parquet", OLDEST)]
    with pytest.raises(FileNotFoundError):
        load(tmp_path, paths)


def test_a_baseline_without_a_column_is_refused_by_its_name(tmp_path):
    path = tmp_path / write(tmp_path, "baselines/bag_of_words.parquet", {"row_id": "q1", "letter": "A"})
    answers = [write(tmp_path, f"data/{model}.parquet", OLDEST) for model in ("base", "sft", "grpo")]
    with pytest.raises(BadInput, match=r"^bag_of_words\.parquet of the predictions has no column correct"):
        load(tmp_path, [*answers, f"baselines/{path.name}"])
    with pytest.raises(BadInput, match="has no column"):
        read_answers(path)
