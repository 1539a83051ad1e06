"""How fast questions are answered greedily: by our lanes, by plain batches, and one at a time as the reference did.

    .venv/bin/python benchmarks/eval.py [--prompts 64] [--repeat 3] [--continuous] [--rows 100 500 2000]
    .venv/bin/python benchmarks/eval.py --device cuda --dtype bfloat16 --shape qwen3-0.6b --prompts 200 --batch 200

A Qwen3 model with random weights answers random prompts that begin alike. The ways take turns, so that whatever else
the machine does hits all of them, and the fastest turn of each counts. A model of random weights never ends an answer,
so every way generates as many tokens. Prints prompts/s, the ratios, and how many answers are the same, token for token,
as those that were given one at a time; where some are not, how far apart the scores of the two tokens were at the first
difference. Then a table of more and more rows on a small model: neither seconds a row nor the most memory should grow.
"""

import argparse
import random
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers import models as tokenizer_models
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from transformers.utils import logging

from shared.lm.completion import Completion
from shared.lm.generate import Decoder
from shared.lm.greedy.answer import Tokens
from shared.lm.greedy.engine import LaneEngine
from shared.lm.plain import PlainEngine

# Vocabulary, width, inner width, layers, heads, heads of keys, size of a head.
SHAPES = {
    "40m": (16000, 512, 1536, 10, 8, 4, 64),
    "small": (3000, 128, 384, 4, 4, 4, 32),
    "qwen3-0.6b": (151936, 1024, 3072, 28, 16, 8, 128),
}
PREFIX, SUFFIX = 100, (95, 155)
NEVER = 0  # Ends answers, and is no token that random scores prefer: its vector is zero.
Ids = list[list[int]]
Way = Callable[[Sequence[Sequence[int]]], Ids]


def main() -> None:
    """Measures each way and prints two tables."""
    options = parse_options()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    if options.only_rows:
        measure_rows(options)
        return
    model = make_model(options.shape, options.device, options.dtype)
    parameters = sum(weight.numel() for weight in model.parameters()) / 1e6
    print(
        f"{parameters:.0f}M parameters, {options.dtype}, {options.device}, {torch.get_num_threads()} threads, "
        f"{options.prompts} prompts of {PREFIX} + {SUFFIX[0]} to {SUFFIX[1]} tokens, {options.new_tokens} new tokens",
        flush=True,
    )
    compare(model, make_ways(model, options), make_prompts(options.prompts, model), options)
    if options.rows:
        print_growth(options)


def parse_options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--prompts", type=int, default=64, help="how many are answered in each way (default: %(default)s)")
    add("--new-tokens", type=int, default=64, help="tokens of each answer (default: %(default)s)")
    add("--batch", type=int, default=16, help="batch size of the plain batches (default: %(default)s)")
    add("--lanes", type=int, help="batch size of ours (default: 32 on a CPU, else as --batch)")
    add(
        "--repeat",
        type=int,
        default=3,
        help="turns, of which each way's fastest counts (default: %(default)s)",
    )
    add("--shape", choices=SHAPES, default="40m", help="size of the model (default: %(default)s)")
    add("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    add("--dtype", default="float32", help="number format, as torch calls it (default: %(default)s)")
    add("--threads", type=int, default=torch.get_num_threads(), help="of the CPU (default: all cores)")
    add("--continuous", action="store_true", help="measure transformers' continuous batching too")
    add("--skip-single", action="store_true", help="leave out one at a time; answers are compared with plain")
    add("--rows", type=int, nargs="*", default=[100, 500, 1000, 2000], help="rows of the second table")
    add("--only-rows", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def make_model(shape: str, device: str, dtype: str) -> Qwen3ForCausalLM:
    """Makes a model with random weights, tied embeddings and no token that it likes to end with."""
    names = (
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "head_dim",
    )  # fmt: skip
    config = Qwen3Config(
        **dict(zip(names, SHAPES[shape], strict=True)), tie_word_embeddings=True, eos_token_id=None
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = Qwen3ForCausalLM(config).eval()
    with torch.no_grad():
        model.get_input_embeddings().weight[NEVER] = 0
    return model.to(getattr(torch, dtype))


def make_tokenizer(model: Qwen3ForCausalLM) -> PreTrainedTokenizerFast:
    """Makes a tokenizer with a word for every score of a model."""
    words = {f"w{number} ": number for number in range(model.config.vocab_size)}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(tokenizer_models.WordLevel(words, unk_token="w1 ")), eos_token="w0 "
    )


def make_prompts(count: int, model: Qwen3ForCausalLM) -> Ids:
    """Makes random prompts of about 225 tokens; the first hundred are the same in all."""
    chance = random.Random(0)

    def draw(length: int) -> list[int]:
        return [chance.randrange(1, model.config.vocab_size) for _ in range(length)]

    prefix = draw(PREFIX)
    return [prefix + draw(chance.randint(*SUFFIX)) for _ in range(count)]


def make_ways(model: Qwen3ForCausalLM, options: argparse.Namespace) -> dict[str, Way]:
    """Returns the ways to answer that are compared, the one that the others are compared with first."""
    tokenizer = make_tokenizer(model)
    config = GenerationConfig(
        do_sample=False, max_new_tokens=options.new_tokens, eos_token_id=[NEVER], pad_token_id=NEVER
    )
    tokens = Tokens(tokenizer, [NEVER], NEVER, options.new_tokens)
    plain = Decoder(tokenizer, lambda prompts: PlainEngine(model, tokenizer, config, prompts))
    ours = Decoder(tokenizer, lambda prompts: LaneEngine(model, prompts, tokens))
    lanes = options.lanes or (32 if options.device == "cpu" else options.batch)
    ways: dict[str, Way] = {
        "one at a time": lambda prompts: ids_of(plain.complete(prompts, 1)),
        f"plain, batch {options.batch}": lambda prompts: ids_of(plain.complete(prompts, options.batch)),
        f"ours, batch {lanes}": lambda prompts: ids_of(ours.complete(prompts, lanes)),
    }
    if options.continuous:
        ways["transformers' continuous"] = lambda prompts: answer_continuously(model, config, prompts)
    return dict(list(ways.items())[options.skip_single :])


def ids_of(completions: Sequence[Completion]) -> Ids:
    """The tokens of completions."""
    return [list(completion.token_ids) for completion in completions]


def answer_continuously(
    model: Qwen3ForCausalLM, config: GenerationConfig, prompts: Sequence[Sequence[int]]
) -> Ids:
    """Answers by transformers' `generate_batch`."""
    outputs = model.generate_batch(
        inputs=[list(prompt) for prompt in prompts], generation_config=config, progress_bar=False
    )
    # Named req_0, req_1… in the order of the prompts.
    return [
        outputs[name].generated_tokens
        for name in sorted(outputs, key=lambda name: int(name.rpartition("_")[2]))
    ]


def compare(model: Qwen3ForCausalLM, ways: dict[str, Way], prompts: Ids, options: argparse.Namespace) -> None:
    """Lets the ways take turns and prints a line for each."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    answers: dict[str, Ids] = {}
    for way in ways.values():
        way(prompts[:2])
    for _ in range(options.repeat):
        for name, way in ways.items():
            seconds, answers[name] = measure(lambda way=way: way(prompts), options.device)
            taken[name].append(seconds)
    fastest = {name: min(times) for name, times in taken.items()}
    bases = list(ways)[: 2 - options.skip_single]
    print(
        f"{'':26} {'seconds':>8} {'prompts/s':>9} "
        + "".join(f"{'× ' + base:>18}" for base in bases)
        + "  same"
    )
    expected = answers[bases[0]]
    for name in ways:
        ratios = "".join(f"{fastest[base] / fastest[name]:18.2f}" for base in bases)
        same = sum(map(list.__eq__, answers[name], expected))
        print(
            f"{name:26} {fastest[name]:8.2f} {len(prompts) / fastest[name]:9.2f} {ratios}  "
            f"{same} of {len(prompts)}{describe_differences(model, prompts, expected, answers[name])}"
        )


def measure(work: Callable[[], Ids], device: str) -> tuple[float, Ids]:
    """Seconds of some work, and what it gave."""
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def describe_differences(model: Qwen3ForCausalLM, prompts: Ids, expected: Ids, answers: Ids) -> str:
    """Says how much likelier the one token is than the other where answers part: rounding decides near-ties alone."""
    gaps = []
    for prompt, wanted, found in zip(prompts, expected, answers, strict=True):
        if wanted != found:
            place = next(
                place for place, pair in enumerate(zip(wanted, found, strict=False)) if len(set(pair)) > 1
            )
            with torch.no_grad():
                ids = torch.tensor([prompt + wanted[:place]], device=model.device)
                scores = model(ids, logits_to_keep=1).logits[0, -1].float()
            gaps.append((scores[wanted[place]] - scores[found[place]]).abs().item())
    return f" (scores apart by up to {max(gaps):.1e} where they part)" if gaps else ""


def print_growth(options: argparse.Namespace) -> None:
    """Answers more and more rows by ours, each number in a process of its own, and prints what a row costs."""
    heading = f"\n{'rows':>6} {'seconds':>8} {'ms a row':>8} {'peak MB':>8}"
    print(f"{heading}   ours, small model, {options.new_tokens} new tokens", flush=True)
    for rows in options.rows:
        command = [sys.executable, __file__, "--only-rows", str(rows), "--shape", "small"]
        command += ["--new-tokens", str(options.new_tokens), "--threads", str(options.threads)]
        subprocess.run(command, check=True)


def measure_rows(options: argparse.Namespace) -> None:
    """Prints the line of one number of rows."""
    model = make_model(options.shape, "cpu", "float32")
    tokenizer = make_tokenizer(model)
    tokens = Tokens(tokenizer, [NEVER], NEVER, options.new_tokens)
    decoder = Decoder(tokenizer, lambda prompts: LaneEngine(model, prompts, tokens))
    prompts = make_prompts(options.only_rows, model)
    seconds, _ = measure(lambda: ids_of(decoder.complete(prompts, 32)), "cpu")
    print(
        f"{len(prompts):6} {seconds:8.1f} {1000 * seconds / len(prompts):8.1f} {peak_megabytes():8.0f}",
        flush=True,
    )


def peak_megabytes() -> float:
    """The most memory this process has held; `getrusage` would count what its parent held when it was started too."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
