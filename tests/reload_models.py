"""Loads a model and its adapter as anybody would who knows only their names and commits. A process for `JOBS.run`."""

import json
import sys

from models import make_question
from peft import AutoPeftModelForCausalLM
from transformers import AutoModelForCausalLM, AutoTokenizer

from shared.lm.adapters import weight_fingerprint
from shared.prompts import build_messages


def main() -> None:
    model_id, model_commit, adapter_id, adapter_commit = sys.argv[1:]
    tokenizer = AutoTokenizer.from_pretrained(model_id, revision=model_commit)
    model = AutoModelForCausalLM.from_pretrained(model_id, revision=model_commit)
    adapted = AutoPeftModelForCausalLM.from_pretrained(adapter_id, revision=adapter_commit)
    prompt = tokenizer.apply_chat_template(
        build_messages(make_question(1)),
        add_generation_prompt=True,
        enable_thinking=False,
        return_dict=True,
        return_tensors="pt",
    )
    output = model.generate(**prompt, max_new_tokens=60, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    found = {
        "fingerprint": weight_fingerprint(model),
        "adapter on its base": weight_fingerprint(adapted.merge_and_unload()),
        "answer": tokenizer.decode(output),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
