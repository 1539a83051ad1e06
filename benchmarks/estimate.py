"""How well minutes are estimated: seconds of real passes on one CPU core against those that the formulas give.

    .venv/bin/python benchmarks/estimate.py [--repeat 3]

For Qwen3 models of several sizes with random weights and a LoRA adapter, as TRL's trainers run them: a training pass
of a few and of many rows, with activations kept and recomputed, and sampling with a cache. It takes processor time,
not the clock's, so that whatever else the machine does counts little, and the fastest of the repeats. Then the
factors by which measured and estimated seconds differ.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from peft import PeftModel, get_peft_model
from transformers import Qwen3Config, Qwen3ForCausalLM
from trl.trainer.utils import add_fused_lm_head

from shared.estimate.devices import CPU_CORE_BANDWIDTH, CPU_CORE_FLOPS, this_machine
from shared.estimate.flops import Batch, decoding_flops, training_flops
from shared.estimate.model import ModelShape, count_parameters, shape_from_config
from shared.estimate.timing import generation_seconds, training_seconds
from shared.lm.adapters import build_lora_config
from shared.training import LoraSettings

# Vocabulary, width, inner width, layers, heads, heads of keys, size of a head.
SIZES = [
    (3000, 128, 384, 4, 4, 4, 32),
    (3000, 256, 768, 6, 8, 4, 32),
    (8000, 512, 1536, 8, 8, 4, 64),
    (16000, 768, 2304, 10, 12, 4, 64),
    # The rates of shared.estimate.devices were fitted to those above, and not to these.
    (4000, 192, 512, 8, 6, 6, 32),
    (6000, 384, 1024, 12, 6, 2, 64),
]
LENGTH, PROMPT, NEW_TOKENS = 200, 160, 32
LORA = LoraSettings()
ONE_CORE = replace(this_machine(), flops={"fp32": CPU_CORE_FLOPS}, bandwidth=CPU_CORE_BANDWIDTH)


def main() -> None:
    """Measures every size and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=3, help="passes, of which the fastest counts")
    repeat = parser.parse_args().repeat
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", FutureWarning)
    print(f"{'parameters':>10}  {'work':34} {'GFLOP':>7} {'estimated':>9} {'measured':>9} {'ratio':>6}")
    ratios: dict[str, list[float]] = {}
    for size in SIZES:
        model = make_model(size)
        shape = shape_from_config(model.get_base_model().config.to_dict())
        for kind, name, work, flops, estimated in works(model, shape):
            measured = fastest(work, repeat)
            ratios.setdefault(kind, []).append(measured / estimated)
            print(
                f"{count_parameters(shape) / 1e6:9.1f}M  {name:34} {flops / 1e9:7.1f} "
                f"{estimated:8.2f}s {measured:8.2f}s {measured / estimated:6.2f}",
                flush=True,
            )
    for kind, values in ratios.items():
        print(f"{kind}: measured / estimated from {min(values):.2f} to {max(values):.2f}")


def make_model(size: tuple[int, ...]) -> PeftModel:
    """Makes a model with random weights, the output layer that TRL gives it, and an adapter."""
    names = (
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "head_dim",
    )  # fmt: skip
    config = Qwen3Config(**dict(zip(names, size, strict=True)), tie_word_embeddings=True, eos_token_id=None)
    torch.manual_seed(0)
    base = Qwen3ForCausalLM(config)
    add_fused_lm_head(base)
    return get_peft_model(base, build_lora_config(base, LORA))


def works(model: PeftModel, shape: ModelShape) -> Iterator[tuple[str, str, Callable[[], None], int, float]]:
    """Yields what is measured: its kind, its name, the work, its operations and its estimated seconds."""
    for rows, checkpointing in ((4, False), (16, False), (4, True)):
        batch = Batch(rows, LENGTH, scored=rows * (LENGTH - 1))
        yield (
            "training",
            f"train {rows} rows, {'recomputing' if checkpointing else 'keeping'}",
            lambda rows=rows, checkpointing=checkpointing: train(model, rows, checkpointing),
            training_flops(shape, LORA, batch, checkpointing).total,
            training_seconds(ONE_CORE, shape, LORA, batch, "fp32", checkpointing),
        )
    for rows in (8, 32):
        yield (
            "sampling",
            f"sample {NEW_TOKENS} tokens for {rows} prompts",
            lambda rows=rows: sample(model, rows),
            decoding_flops(shape, LORA, rows, PROMPT, NEW_TOKENS),
            generation_seconds(ONE_CORE, shape, LORA, rows, PROMPT, NEW_TOKENS, "fp32"),
        )


def train(model: PeftModel, rows: int, checkpointing: bool) -> None:
    """Does a forward and a backward pass of one micro-batch."""
    model.train()
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    else:
        model.gradient_checkpointing_disable()
    inputs = random_rows(model, rows, LENGTH)
    model(**inputs, labels=inputs["input_ids"], fused_lm_head=True).loss.backward()


def sample(model: PeftModel, rows: int) -> None:
    """Samples a fixed number of tokens for every prompt."""
    model.eval()
    inputs = random_rows(model, rows, PROMPT)
    lengths = {"max_new_tokens": NEW_TOKENS, "min_new_tokens": NEW_TOKENS}
    model.generate(**inputs, **lengths, do_sample=True, pad_token_id=0)


def random_rows(model: PeftModel, rows: int, length: int) -> dict[str, torch.Tensor]:
    """Makes rows of random tokens, the first of them padded a little."""
    ids = torch.randint(0, model.get_base_model().config.vocab_size, (rows, length))
    mask = torch.ones_like(ids)
    mask[0, : length // 20] = 0
    return {"input_ids": ids, "attention_mask": mask}


def fastest(work: Callable[[], None], repeat: int) -> float:
    """The processor seconds of the fastest of some repeats."""
    taken = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


if __name__ == "__main__":
    main()
