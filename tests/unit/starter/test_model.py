from pathlib import Path

import pytest
import torch
import trl
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase, Qwen3ForCausalLM

from shared.lm.chat import encode_prompt
from shared.prediction import parse_completion
from shared.prompts import build_target
from shared.question import LETTERS, Question, UnusableRow, parse_question
from starter.questions import build_rows
from starter.repos import MODEL_FOLDER


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(MODEL_FOLDER)


def usable_questions(count: int) -> list[Question]:
    questions = []
    for row in build_rows():
        try:
            questions.append(parse_question(row))
        except UnusableRow:
            continue
        if len(questions) == count:
            break
    return questions


def test_the_model_folder_takes_at_most_8_megabytes() -> None:
    assert sum(path.stat().st_size for path in MODEL_FOLDER.iterdir()) <= 8_000_000


def test_the_model_is_a_tied_qwen3_whose_vocabulary_is_the_tokenizers(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    model = AutoModelForCausalLM.from_pretrained(MODEL_FOLDER)

    assert isinstance(model, Qwen3ForCausalLM)
    assert model.config.tie_word_embeddings
    assert model.config.vocab_size == len(tokenizer)


def test_the_chat_template_is_qwen3s_own(tokenizer: PreTrainedTokenizerBase) -> None:
    template = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"

    assert tokenizer.chat_template == template.read_text("utf-8")


def test_an_answer_ends_with_the_turn_and_padding_is_another_token(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    model = AutoModelForCausalLM.from_pretrained(MODEL_FOLDER)

    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id


def test_thinking_marks_stay_in_decoded_text_as_with_qwen3(tokenizer: PreTrainedTokenizerBase) -> None:
    ids = tokenizer.encode("<|im_start|><think>\n\n</think>\n\n{}<|im_end|>")

    assert tokenizer.decode(ids, skip_special_tokens=True) == "<think>\n\n</think>\n\n{}"


@pytest.mark.parametrize("place", range(4))
def test_the_letter_of_an_answer_is_one_token_with_nothing_else_in_it(
    tokenizer: PreTrainedTokenizerBase, place: int
) -> None:
    question = Question(id="1", question="?", opa="w", opb="x", opc="y", opd="z", cop=place)

    tokens = tokenizer.convert_ids_to_tokens(tokenizer.encode(build_target(question)))

    assert next(token for token in tokens if token in LETTERS) == LETTERS[place]


def test_every_text_survives_encoding_and_decoding(tokenizer: PreTrainedTokenizerBase) -> None:
    text = 'β-lactam — “naïve” 日本 🙂\r\n\t{"a": 0.95}'

    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_base_mostly_answers_with_valid_json(tokenizer: PreTrainedTokenizerBase) -> None:
    model = AutoModelForCausalLM.from_pretrained(MODEL_FOLDER)
    questions = usable_questions(12)

    valid = sum(parse_completion(answer(model, tokenizer, question)).is_json for question in questions)

    assert valid >= 9


def answer(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerBase, question: Question) -> str:
    prompt = torch.tensor([encode_prompt(tokenizer, question)])
    output = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=128)
    return str(tokenizer.decode(output[0, prompt.shape[1] :], skip_special_tokens=True))
