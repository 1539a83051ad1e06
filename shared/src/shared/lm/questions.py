"""A split of the run's questions, as the data-splitter pushed it."""

import pyarrow.parquet as pq

from shared.content import split_path
from shared.errors import BadInput
from shared.hub import Hub
from shared.question import Question, UnusableRow, parse_question
from shared.refs import RepoRef


def load_questions(hub: Hub, data: RepoRef, split: str) -> list[Question]:
    """Download a split and return its questions in their order.

    Raises:
        BadInput: a row is not usable, which the splitter lets none be.
    """
    rows = pq.read_table(hub.download(data, split_path(split))).to_pylist()
    try:
        return [parse_question(row) for row in rows]
    except UnusableRow as error:
        raise BadInput(
            f"A row of split {split} in {data} is not usable: {error.reason}. Split again: make split."
        ) from error
