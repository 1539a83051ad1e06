"""The same question gives the same prompt ids in every phase: what each phase really feeds to a model is compared."""

from models import make_job, make_question, train_here
from transformers import AutoModelForCausalLM, AutoTokenizer

from grpo_trainer.rollouts import RolloutRecorder
from grpo_trainer.settings import GrpoSettings
from grpo_trainer.train import build_prompts, build_trainer
from sft_trainer.examples import IGNORED, build_example
from shared.lm.chat import encode_prompt
from shared.lm.generate import decoding

QUESTION = make_question(1)


def read_inputs(model):
    """Collects the ids of every forward pass of a model."""
    seen = []
    model.register_forward_pre_hook(
        lambda module, positional, named: seen.append(named["input_ids"]), with_kwargs=True
    )
    return seen


def prompt_in_sft(tokenizer):
    example = build_example(tokenizer, QUESTION)
    return [id for id, label in zip(*example.values(), strict=True) if label == IGNORED]


def prompt_in_grpo(model, tokenizer, folder):
    settings = GrpoSettings(
        run_id="r",
        namespace="n",
        max_steps=1,
        prompts_per_step=1,
        num_generations=2,
        micro_batch_size=2,
        max_completion_length=1,
        gradient_checkpointing="off",
    )
    job = make_job("grpo", settings, folder)
    prompts = build_prompts(tokenizer, [QUESTION])
    seen = read_inputs(model)
    train_here(build_trainer(job, model, tokenizer, prompts, RolloutRecorder(settings)), job)
    return seen[0][0].tolist()


def prompt_in_evaluation(model, tokenizer):
    seen = read_inputs(model.get_decoder())
    with decoding(model, tokenizer, max_new_tokens=1) as decoder:
        decoder.complete([encode_prompt(tokenizer, QUESTION)], batch_size=1)
    # The last token is read in the pass that chooses the first of the answer.
    prompt, first_step = seen
    return prompt[0].tolist() + first_step[0].tolist()


def test_the_prompt_ids_are_the_same_in_sft_grpo_and_evaluation(any_model, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(any_model)
    sft = prompt_in_sft(tokenizer)
    grpo = prompt_in_grpo(AutoModelForCausalLM.from_pretrained(any_model), tokenizer, tmp_path)
    evaluation = prompt_in_evaluation(AutoModelForCausalLM.from_pretrained(any_model), tokenizer)
    assert sft == grpo == evaluation
    assert "number 1?" in tokenizer.decode(sft)
