"""The prompt and the answer that the model is taught, byte for byte those of the reference run."""

import json

from shared.question import LETTERS, Question

SYSTEM_PROMPT = (
    "You are a medical MCQ classifier. Given a medical multiple-choice question with 4 options "
    "(A, B, C, D), analyze the question and respond with ONLY valid JSON in this exact format:\n"
    '{"predicted_category": "<A|B|C|D>", "confidence": <float 0-1>, "reason": "<concise explanation>"}\n'
    "Output nothing else — no markdown, no extra text, just the JSON object."
)
TARGET_CONFIDENCE = 0.95
DEFAULT_REASON = "Based on medical knowledge and clinical reasoning."
MAX_REASON_CHARACTERS = 250

Message = dict[str, str]


def render_user(question: Question) -> str:
    """Return the user turn: the question and its four lettered options, one a line."""
    options = (f"{letter}) {text}" for letter, text in zip(LETTERS, question.options, strict=True))
    return "\n".join((f"Question: {question.question}", *options))


def build_messages(question: Question) -> list[Message]:
    """Return the system and the user message of one question."""
    return [
        {"role": "system", "content": SYSTEM_PROMPT},
        {"role": "user", "content": render_user(question)},
    ]


def build_target(question: Question, confidence: float = TARGET_CONFIDENCE) -> str:
    """Return the JSON that an SFT row teaches: the gold letter, a confidence, the explanation."""
    answer = {
        "predicted_category": question.letter,
        "confidence": confidence,
        "reason": _reason(question.exp),
    }
    return json.dumps(answer, ensure_ascii=False)


def _reason(explanation: str | None) -> str:
    if not explanation or not explanation.strip():
        return DEFAULT_REASON
    if len(explanation) > MAX_REASON_CHARACTERS:
        return explanation[: MAX_REASON_CHARACTERS - 3] + "..."
    return explanation
