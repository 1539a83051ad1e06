"""The model card: from what, by what and how a model was made, so that it can be made again."""

from shared.job import Job
from shared.refs import RepoRef

CARD = """\
---
base_model: {parent.repo_id}
base_model_relation: {relation}
datasets:
- {data.repo_id}
library_name: {library}
pipeline_tag: text-generation
tags:
- medmcqa
- {phase}
---

# {title}

{parent.repo_id} after the `{phase}` phase of run `{run_id}`: it answers a four-option medical exam question with one
JSON object. **It is made to study training, and is not medical advice.**

| made from | |
|---|---|
{inputs}

Weights after merging: `{fingerprint}`

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


def _render(
    job: Job, repo_id: str, parent: RepoRef, fingerprint: str, relation: str, library: str, usage: str
) -> str:
    return CARD.format(
        title=repo_id.partition("/")[2],
        parent=parent,
        relation=relation,
        library=library,
        data=job.inputs["data"],
        phase=job.phase,
        run_id=job.run_id,
        inputs="\n".join(f"| {name} | `{ref}` |" for name, ref in job.inputs.items()),
        fingerprint=fingerprint,
        usage=usage.format(repo_id=repo_id),
        settings="\n".join(f"| {name} | `{value}` |" for name, value in job.settings.config().items()),
    )
