"""The model card: from what, by what and how a model was made, what it is for, and what it is not for."""

import re

from huggingface_hub import ModelCardData

from shared.job import Job
from shared.refs import RepoRef

CARD = """\
---
{metadata}
---

# {title}

{parent} after the `{phase}` phase of run `{run_id}`: it answers a four-option medical exam question with one
JSON object. **It is made to study training: not medical advice, and not for clinical decisions.**

| made from | |
|---|---|
{inputs}

Weights after merging: `{fingerprint}`

## Intended use and limits

Made for studying what each step of a training does to a small language model, by people who read its answers as data.

- **Not for clinical decisions**, and not for teaching or examining anybody. Nobody with medical training has checked
  its answers.
- It always picks one of four options, also where none of them is right or where it does not know.
- Its `reason` is fluent text and no evidence: it may be wrong where the letter is right.
- Its `confidence` is a number that training taught it to write. Take it for a probability only as far as measurements
  on unseen questions, where this card shows some, say that it is one.
- It has seen one format and one set of questions. Other wordings, languages and open questions are untested, and so is
  whether it answers about all groups of patients alike.

## Use

Render the prompt with the chat template and `enable_thinking=False`, as in training.

```python
{usage}
```

## Settings

| setting | value |
|---|---|
{settings}
"""
MERGED_USAGE = """\
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{repo_id}")
tokenizer = AutoTokenizer.from_pretrained("{repo_id}")"""
ADAPTER_USAGE = """\
from peft import AutoPeftModelForCausalLM

model = AutoPeftModelForCausalLM.from_pretrained("{repo_id}")  # onto the very base that it was trained on"""


def render_merged_card(job: Job, parent: RepoRef, fingerprint: str) -> str:
    """Return the card of the merged model."""
    return _render(job, job.repo(job.phase), parent, fingerprint, "finetune", "transformers", MERGED_USAGE)


def render_adapter_card(job: Job, parent: RepoRef, fingerprint: str) -> str:
    """Return the card of the adapter."""
    repo_id = job.repo(f"{job.phase}-adapter")
    return _render(job, repo_id, parent, fingerprint, "adapter", "peft", ADAPTER_USAGE)


def inline_code(value: object) -> str:
    """Return a value as code that Markdown shows as it is, in a table too: on one line, whatever it holds."""
    text = " ".join(str(value).split())
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    room = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{room}{text}{room}{ticks}".replace("|", "\\|")


def _render(
    job: Job, repo_id: str, parent: RepoRef, fingerprint: str, relation: str, library: str, usage: str
) -> str:
    metadata = ModelCardData(
        base_model=parent.repo_id,
        base_model_relation=relation,
        datasets=[job.inputs["data"].repo_id],
        library_name=library,
        pipeline_tag="text-generation",
        tags=["medmcqa", job.phase],
    )
    return CARD.format(
        metadata=metadata.to_yaml(),
        title=repo_id.partition("/")[2],
        parent=inline_code(parent.repo_id),
        phase=job.phase,
        run_id=job.run_id,
        inputs="\n".join(f"| {name} | {inline_code(ref)} |" for name, ref in job.inputs.items()),
        fingerprint=fingerprint,
        usage=usage.format(repo_id=repo_id),
        settings="\n".join(
            f"| {inline_code(name)} | {inline_code(value)} |" for name, value in job.settings.config().items()
        ),
    )
