"""Everything the report says, worked out before anything is drawn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reporter.analysis import Analysis, analyse
from reporter.analysis.account import what_failed, what_was_done
from reporter.analysis.trust import describe_stated_constant
from reporter.comparisons import (
    Comparison,
    Delta,
    compare_models,
    compare_to_baseline,
    compare_to_chance,
    compare_to_letter,
    correct_for_number,
    deltas_against_base,
)
from reporter.findings import (
    Finding,
    describe_comparison,
    describe_format,
    describe_medicine,
    describe_validation,
    headline,
)
from reporter.history import TrainingHistory, read_histories
from reporter.inputs import RunData
from reporter.samples import RolloutGroup, SampleGroup, draw_samples, first_and_last_rollouts
from reporter.scores import (
    ACCURACY,
    SCHEMA_PASS,
    VALID_JSON,
    MajorityLetter,
    Score,
    Scores,
    read_majority,
    read_scores,
)
from reporter.settings import ReportSettings
from reporter.state import NextStep, PhaseState, choose_next_step, describe_phases, headline_of
from shared.manifest import Source
from shared.refs import RepoRef

STARTER_NAMESPACE = "starter"


@dataclass(frozen=True)
class Summary:
    """A run, judged.

    Attributes:
        bag_of_words: the bag-of-words classifier's accuracy, where it was asked.
        comparisons: the models pair by pair, by accuracy on the same questions.
        against_baselines: every model against what knows no medicine; one family with `comparisons`, whose p-values are
            corrected together.
        form_comparisons: the models pair by pair, by valid JSON and schema; a family of its own.
        analysis: what the single answers show besides.
        done: what was done, in a sentence.
        failed: what failed on the way.
        confidence_remark: which models state a constant as their confidence; None where none does.
        starter_note: what to know before reading the figures, where the run used the starter's miniatures.
        states: where each phase stands.
        next_step: what brings the run on; None where it is finished.
        histories: how each training phase went.
        missing: what a finished run's report would show besides.
    """

    run: RunData
    scores: Scores
    majority: MajorityLetter | None
    bag_of_words: Score | None
    comparisons: list[Comparison]
    against_baselines: list[Comparison]
    form_comparisons: list[Comparison]
    deltas: list[Delta]
    analysis: Analysis
    done: str
    headline: str
    findings: list[Finding]
    failed: list[str]
    confidence_remark: str | None
    samples: dict[str, list[SampleGroup]]
    rollouts: list[RolloutGroup]
    starter_note: str | None
    states: list[PhaseState]
    next_step: NextStep | None
    histories: dict[str, TrainingHistory]
    missing: list[str]

    @property
    def is_complete(self) -> bool:
        """Whether every phase has been done, with what the ones before it have made."""
        return self.next_step is None


def summarise(run: RunData, settings: ReportSettings) -> Summary:
    """Work out scores, comparisons, findings and samples."""
    metrics, answers = run.manifest.phases["eval"].metrics, run.answers
    scores, majority = read_scores(metrics), read_majority(metrics)
    baselines = list(_compare_to_baselines(run, scores, majority))
    pairs = compare_models(answers, [ACCURACY])
    family = correct_for_number([*pairs, *baselines])
    comparisons, against_baselines = family[: len(pairs)], family[len(pairs) :]
    form_comparisons = correct_for_number(compare_models(answers, [VALID_JSON, SCHEMA_PASS]))
    analysis = analyse(run)
    states = describe_phases(run.manifest)
    next_step = choose_next_step(run.manifest, states)
    histories = read_histories(run.manifest, {"sft": run.sft_curve, "grpo": run.grpo_curve})
    return Summary(
        run=run,
        scores=scores,
        majority=majority,
        bag_of_words=_score_bag_of_words(run),
        comparisons=comparisons,
        against_baselines=against_baselines,
        form_comparisons=form_comparisons,
        deltas=deltas_against_base(scores, answers, [*comparisons, *form_comparisons]),
        analysis=analysis,
        done=what_was_done(run.manifest, answers),
        headline=headline(scores) if scores or next_step is None else headline_of(states),
        findings=[
            *_findings(scores, comparisons, against_baselines, form_comparisons),
            *_validation_findings(histories),
            *analysis.findings,
        ],
        failed=what_failed(run.manifest, states),
        confidence_remark=describe_stated_constant(analysis.confidences),
        samples=draw_samples(answers, run.questions, settings.samples_per_kind, run.manifest.seed),
        rollouts=first_and_last_rollouts(run.rollouts, run.questions, settings.rollout_samples),
        starter_note=_starter_note(run.manifest.source),
        states=states,
        next_step=next_step,
        histories=histories,
        missing=_missing(run, scores) if next_step else [],
    )


def _compare_to_baselines(
    run: RunData, scores: Scores, majority: MajorityLetter | None
) -> Iterator[Comparison]:
    """Yield every model against guessing, against always giving the commonest letter, and against a bag of words."""
    for model, metrics in scores.items():
        answers, accuracy = run.answers.get(model, []), metrics["accuracy"]
        found = [
            compare_to_chance(accuracy, model) if accuracy else None,
            compare_to_letter(majority.letter, answers, model) if majority else None,
            compare_to_baseline(run.predictions.bag_of_words, answers, model),
        ]
        yield from (comparison for comparison in found if comparison is not None)


def _score_bag_of_words(run: RunData) -> Score | None:
    rows = run.predictions.bag_of_words
    return Score(sum(row.correct for row in rows), len(rows)) if rows else None


def _findings(
    scores: Scores,
    comparisons: Sequence[Comparison],
    against_baselines: Sequence[Comparison],
    form_comparisons: Sequence[Comparison],
) -> list[Finding]:
    models = dict.fromkeys(comparison.second for comparison in against_baselines)
    against = {model: [pair for pair in against_baselines if pair.second == model] for model in models}
    form = describe_format(scores, form_comparisons)
    return [
        *map(describe_comparison, comparisons),
        *(describe_medicine(model, pairs) for model, pairs in against.items()),
        *([form] if form else []),
    ]


def _validation_findings(histories: dict[str, TrainingHistory]) -> list[Finding]:
    findings = (describe_validation(history) for history in histories.values())
    return [finding for finding in findings if finding is not None]


def _missing(run: RunData, scores: Scores) -> list[str]:
    parts = {
        "the curves of SFT": run.sft_curve,
        "the curves of GRPO": run.grpo_curve,
        "the evaluation, with its scores, comparisons and answers": scores,
    }
    return [name for name, content in parts.items() if not content]


def _starter_note(source: Source) -> str | None:
    if _is_starter(source.base_model):
        return (
            f"The base model, {source.base_model.repo_id}, is a miniature for trying the pipeline. "
            "It knows no medicine, and the figures say only that the pipeline works."
        )
    if _is_starter(source.dataset):
        return (
            f"The questions, {source.dataset.repo_id}, are a miniature for trying the pipeline. "
            "They are made from a few hundred facts, and a score on them says little about medicine."
        )
    return None


def _is_starter(ref: RepoRef) -> bool:
    return ref.repo_id.split("/")[0] == STARTER_NAMESPACE
