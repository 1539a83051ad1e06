from reporter.render import render_html, render_markdown
from reporter.repeatability import describe_repeatability

CPU = {
    "device": "cpu", "hardware": "a CPU", "dtype": "float32", "threads": 2,
    "torch": "2.13.0", "transformers": "5.23.0", "in_lanes": True,
}  # fmt: skip
GPU = CPU | {"device": "cuda", "hardware": "Tesla T4", "dtype": "float16"}


def describe(make_summary, computation):
    manifest = make_summary().run.manifest
    manifest.phases["eval"].metrics["computation"] = computation
    return describe_repeatability(manifest)


def test_lanes_on_a_cpu_promise_the_same_bits_and_say_where_they_do_not(make_summary):
    (text,) = describe(make_summary, dict.fromkeys(("base", "sft", "grpo"), CPU))
    assert "bit for bit, whatever the batch size" in text
    assert "torch 2.13.0, transformers 5.23.0, 2 threads" in text
    assert "not promised on a GPU, on another machine" in text


def test_a_gpu_or_plain_batches_promise_nothing(make_summary):
    for computation in (GPU, CPU | {"in_lanes": False}):
        (text,) = describe(make_summary, {"base": computation})
        assert "bit for bit, are not promised" in text
        assert "whatever the batch size" not in text


def test_models_that_were_computed_otherwise_are_told_apart(make_summary):
    texts = describe(make_summary, {"base": CPU, "sft": CPU, "grpo": GPU})
    assert [text.partition(":")[0] for text in texts] == ["Base, SFT", "GRPO"]


def test_both_pages_say_it_and_a_run_without_the_record_says_nothing(make_summary):
    summary = make_summary()
    assert "bit for bit" not in render_html(summary, {})
    summary.run.manifest.phases["eval"].metrics["computation"] = {"base": CPU}
    assert "whatever the batch size" in render_html(summary, {})
    assert "whatever the batch size" in render_markdown(summary, {})
