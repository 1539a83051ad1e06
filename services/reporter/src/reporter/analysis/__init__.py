"""What the single answers show beyond the four metrics."""

from dataclasses import dataclass
from typing import Any

from reporter.analysis.confidence import Confidence, read_confidences
from reporter.analysis.decoding import DecodingRow, compare_decodings, describe_decodings
from reporter.analysis.effort import Effort, measure_effort
from reporter.analysis.failures import FailureRow, count_failures, describe_failures
from reporter.analysis.groups import GroupRow, by_length, by_subject
from reporter.analysis.leakage import Leakage, describe_leakage, measure_leakage
from reporter.analysis.letters import LetterRow, count_letters, describe_letters, read_letters
from reporter.analysis.rotation import Rotated, describe_rotations, read_rotations
from reporter.analysis.trust import describe_automation, describe_confidences
from reporter.findings import Finding
from reporter.inputs import RunData
from reporter.scores import Score


@dataclass(frozen=True)
class Analysis:
    """The answers from every side; what the run left no data for is empty.

    Attributes:
        letter_counts: the right answers (`gold`) and each model → how often each letter occurs.
        letters: model → how often it gives each letter, tested against how often that is right.
        rotations: model → its answers with the options moved.
        subjects: accuracy by subject, the largest first.
        lengths: accuracy by length of the question, the shortest first.
        failures: the ways to fail the schema that occurred.
        efforts: model → tokens and seconds an answer.
        decodings: free against constrained decoding.
        confidences: every signal of every model.
        leakage: model → accuracy with and without questions that resemble training rows.
    """

    letter_counts: dict[str, dict[str, Score]]
    letters: dict[str, list[LetterRow]]
    rotations: dict[str, Rotated]
    subjects: list[GroupRow]
    lengths: list[GroupRow]
    failures: list[FailureRow]
    efforts: dict[str, Effort]
    decodings: list[DecodingRow]
    confidences: list[Confidence]
    leakage: dict[str, Leakage]

    @property
    def findings(self) -> list[Finding]:
        """What a reader must know of all this."""
        found = [
            describe_automation(self.confidences),
            *(finding for finding in describe_confidences(self.confidences) if finding.tone == "bad"),
            describe_decodings(self.decodings),
            *describe_letters(self.letters),
            describe_leakage(self.leakage),
        ]
        return [finding for finding in found if finding is not None]

    @property
    def remarks(self) -> dict[str, list[Finding]]:
        """What is said beside each table, by the table's name."""
        worst = describe_failures(self.failures)
        return {
            "confidence": describe_confidences(self.confidences),
            "failures": [worst] if worst else [],
            "rotation": describe_rotations(self.rotations),
        }


def analyse(run: RunData) -> Analysis:
    """Look at the answers from every side."""
    predictions, answers = run.predictions, run.answers
    recorded: dict[str, Any] = run.manifest.phases["eval"].metrics.get("confidence") or {}
    return Analysis(
        letter_counts=count_letters(answers),
        letters=read_letters(answers),
        rotations=read_rotations(answers, predictions.rotated, run.questions),
        subjects=by_subject(answers, run.questions),
        lengths=by_length(answers, run.questions),
        failures=count_failures(answers),
        efforts=measure_effort(answers),
        decodings=compare_decodings(answers, predictions.constrained),
        confidences=read_confidences(answers, recorded),
        leakage=measure_leakage(answers),
    )
