"""What finding near-duplicates takes at MedMCQA's size, and how many it finds: 182,822 made-up rows in four splits.

    .venv/bin/python benchmarks/near_duplicates.py [--rows 182822] [--planted 4000] [--sample 1000]

Stems, options and explanations have MedMCQA's lengths, and words the frequencies of a natural language (Zipf). A third
of the stems share openings such as "Which of the following is not". Some rows of the later splits are copies of earlier
ones with a few words changed, their similarity known. The splitter's own function runs in a process of its own. Prints
its seconds and peak memory, how many of the planted pairs it found, whether a pair is listed that is none, and whether
it found for a sample of rows what comparing them to every other row finds.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from bisect import bisect
from collections import Counter, defaultdict
from itertools import accumulate, pairwise
from pathlib import Path

from data_splitter.near_duplicates import Lookalikes, find_near_duplicates
from data_splitter.ngrams import jaccard, question_ngrams

SHARES = {"sft": 120_000, "grpo": 40_000, "eval": 20_000, "calibration": 2_822}
SIMILARITY = 0.5
STEPS = (0.5, 0.55, 0.6, 0.7, 0.8, 1.01)
VOCABULARY = 60_000
OPENINGS = (
    "Which of the following is not", "Which of the following is", "All of the following are true except",
    "True about", "Most common cause of", "Drug of choice for", "A 30 year old male presents with",
)  # fmt: skip
TEXTS = ("opa", "opb", "opc", "opd")
Row = dict[str, str]
Pair = tuple[str, str]


def main() -> None:
    """Makes the rows, has a process compare them, and judges what it found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=sum(SHARES.values()), help="default: %(default)s")
    parser.add_argument("--planted", type=int, default=4000, help="changed copies (default: %(default)s)")
    parser.add_argument(
        "--sample", type=int, default=1000, help="rows compared to all (default: %(default)s)"
    )
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        compare(options.worker)
        return
    splits, planted = make_splits(options.rows, options.planted, random.Random(0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for split in splits.values() for row in split))
        done = subprocess.run(
            [sys.executable, __file__, "--worker", str(path)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        print(done.stdout, end="")
        listed = {tuple(pair) for pair in json.loads(path.with_suffix(".pairs").read_text())}
    rows = {row["id"]: row for split in splits.values() for row in split}
    judge_planted(planted, listed)
    judge_listed(rows, planted, listed)
    judge_sample(splits, listed, options.sample)


def compare(path: Path) -> None:
    """Runs the splitter's function on rows from a file, and says what it took."""
    with path.open() as file:
        splits = cut([json.loads(line) for line in file])
    before, start, cpu = peak_megabytes(), time.perf_counter(), time.process_time()
    pairs = find_near_duplicates(splits, Lookalikes(SIMILARITY))
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    rows = sum(map(len, splits.values()))
    print(f"{rows:,} rows, {len(pairs):,} pairs: {wall:.0f} s, {cpu:.0f} s of one core")
    print(f"peak memory {peak_megabytes():.0f} MB, {before:.0f} MB of it the rows and the libraries")
    path.with_suffix(".pairs").write_text(json.dumps([(pair.other_id, pair.row_id) for pair in pairs]))


def peak_megabytes() -> float:
    """The largest resident size this process has had; what `getrusage` says begins with its parent's."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) / 1024


def make_splits(
    count: int, planted: int, rng: random.Random
) -> tuple[dict[str, list[Row]], list[tuple[Row, Row]]]:
    """Makes the rows of every split, and the pairs (earlier, later row) that were planted among them."""
    words = Words(rng)
    rows = [words.make_row(number) for number in range(count)]
    first = len(cut(rows)["sft"])
    pairs = []
    for place in rng.sample(range(first, count), min(planted, count - first)):
        original = rows[rng.randrange(first)]
        rows[place] = words.change(original) | {"id": rows[place]["id"]}
        pairs.append((original, rows[place]))
    return cut(rows), pairs


def cut(rows: list[Row]) -> dict[str, list[Row]]:
    """Cuts the rows into splits of the shares that belong to all of MedMCQA."""
    ends = [
        round(len(rows) * share / sum(SHARES.values())) for share in accumulate(SHARES.values(), initial=0)
    ]
    return {split: rows[start:end] for split, (start, end) in zip(SHARES, pairwise(ends), strict=True)}


class Words:
    """Draws words, the most frequent most often."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.cumulated = list(accumulate(1 / (rank + 2.7) for rank in range(VOCABULARY)))

    def draw(self, count: int) -> list[str]:
        """Draws some words; a word is its rank."""
        points = (self.rng.random() * self.cumulated[-1] for _ in range(count))
        return [f"w{bisect(self.cumulated, point)}" for point in points]

    def make_row(self, number: int) -> Row:
        """Makes a question: a stem of about eleven words, and options of one to four."""
        opening = self.rng.choice(OPENINGS).split() if self.rng.random() < 1 / 3 else []
        stem = opening + self.draw(max(2, round(self.rng.lognormvariate(2.2, 0.6))))
        options = {text: " ".join(self.draw(self.rng.choice((1, 1, 2, 2, 3, 4)))) for text in TEXTS}
        if self.rng.random() < 1 / 5:
            options["opd"] = "None of the above"
        explanation = self.rng.randbytes(250).hex()  # Only its size matters: it is kept, and never compared.
        return {"id": f"q{number}", "question": " ".join(stem)} | options | {"exp": explanation}

    def change(self, row: Row) -> Row:
        """Makes a copy with one to six words changed, and its options in another order."""
        options = self.rng.sample([row[text] for text in TEXTS], len(TEXTS))
        texts = [text.split() for text in (row["question"], *options)]
        for _ in range(self.rng.randint(1, 6)):
            text = self.rng.choices(texts, [len(text) for text in texts])[0]
            text[self.rng.randrange(len(text))] = self.draw(1)[0]
        return row | dict(zip(("question", *TEXTS), map(" ".join, texts), strict=True))


def judge_planted(planted: list[tuple[Row, Row]], listed: set[Pair]) -> None:
    """Prints how many of the planted pairs were found, by how similar they are."""
    similarities = {(first["id"], second["id"]): similarity(first, second) for first, second in planted}
    for low, high in pairwise(STEPS):
        wanted = {pair for pair, alike in similarities.items() if low <= alike < high}
        found, name = len(wanted & listed), f"{low} to {min(high, 1)}"
        print(
            f"planted, similarity {name:11} {found:5} of {len(wanted):5} found ({found / max(len(wanted), 1):.2%})"
        )
    unlike = {pair for pair, alike in similarities.items() if alike < SIMILARITY}
    print(f"planted, below {SIMILARITY}: {len(unlike & listed)} of {len(unlike)} listed")


def judge_listed(rows: dict[str, Row], planted: list[tuple[Row, Row]], listed: set[Pair]) -> None:
    """Prints how many of the listed pairs are alike, and how many come from the planting."""
    right = sum(similarity(rows[first], rows[second]) >= SIMILARITY for first, second in listed)
    print(
        f"listed: {right:,} of {len(listed):,} pairs are alike, {len(listed & ids(planted)):,} of them planted"
    )


def judge_sample(splits: dict[str, list[Row]], listed: set[Pair], size: int) -> None:
    """Prints what comparing some rows of the last split to every row of the others finds, beside what is listed."""
    sample = {row["id"]: question_ngrams(row) for row in splits["calibration"][:size]}
    holders = defaultdict(list)
    for row_id, ngrams in sample.items():
        for ngram in ngrams:
            holders[ngram].append(row_id)
    alike = {
        (row["id"], row_id)
        for split in ("sft", "grpo", "eval")
        for row in splits[split]
        for row_id in find_alike(question_ngrams(row), sample, holders)
    }
    found = {pair for pair in listed if pair[1] in sample}
    print(
        f"sample: {len(sample):,} rows compared to all others are alike in {len(alike)} pairs; "
        f"{len(alike & found)} of these are listed, {len(found - alike)} others"
    )


def find_alike(
    ngrams: frozenset[str], sample: dict[str, frozenset[str]], holders: dict[str, list[str]]
) -> list[str]:
    """The rows of the sample that are alike to one row; only rows that share an n-gram can be."""
    sharing = Counter(row_id for ngram in ngrams for row_id in holders.get(ngram, ()))
    return [row_id for row_id in sharing if jaccard(ngrams, sample[row_id]) >= SIMILARITY]


def similarity(first: Row, second: Row) -> float:
    """The Jaccard similarity of two rows."""
    return jaccard(question_ngrams(first), question_ngrams(second))


def ids(pairs: list[tuple[Row, Row]]) -> set[Pair]:
    """The pairs as ids."""
    return {(first["id"], second["id"]) for first, second in pairs}


if __name__ == "__main__":
    main()
