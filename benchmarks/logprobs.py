"""Time and memory of log-probabilities over a vocabulary of 150,000, forward and backward, beside full logits.

    python benchmarks/logprobs.py --threads 2

The head has the shape of Qwen2.5-0.5B's, whose weight is its embedding too and so has a gradient. Ours is what
`assay.policies.stats.token_stats` calls where there are more logits than it holds at once; the other side makes all
logits and takes `log_softmax` of them. Both end with gradients of states and weight, which are compared. Each is a
process of its own; its memory is the peak above the states and the weight, so the gradients count.
"""

import argparse
import statistics
from collections.abc import Sequence

import torch
from floors import measure_rates
from measured import Apart, Row, Side, finish, parser, ratios, seconds, take_turns

from assay.policies.head import ChunkedLogprobs

TOLERANCE = 1e-4
"""Relative difference of the norms of both sides' gradients; more than rounding would be a fault."""


def make_side(full: bool, options: argparse.Namespace) -> Side:
    """A pass over the same random states, weight, targets and upstream gradient."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    states_ND = torch.empty(options.tokens, options.width).normal_().requires_grad_()
    weight_VD = torch.empty(options.vocabulary, options.width).normal_(0, 0.02).requires_grad_()
    targets_N = torch.randint(options.vocabulary, (options.tokens,))
    upstream_N = torch.randn(options.tokens)

    def full_logprobs_N() -> torch.Tensor:
        logits_NV = torch.nn.functional.linear(states_ND, weight_VD)
        return torch.log_softmax(logits_NV, dim=-1).gather(-1, targets_N[:, None]).squeeze(-1)

    def run(_: int) -> list[float]:
        states_ND.grad = weight_VD.grad = None
        logprobs_N = (
            full_logprobs_N() if full else ChunkedLogprobs.apply(states_ND, weight_VD, targets_N, 1.0, False)[0]
        )
        (logprobs_N * upstream_N).sum().backward()
        return [float(each.norm()) for each in (logprobs_N.detach(), states_ND.grad, weight_VD.grad)]

    return run


def measure(options: argparse.Namespace) -> list[Row]:
    """The row of time and the row of memory."""
    rates = measure_rates(options.threads)
    with (
        Apart(make_side, False, options, threads=options.threads) as ours,
        Apart(make_side, True, options, threads=options.threads) as theirs,
    ):
        laps = take_turns({"assay": ours, "full logits": theirs}, options.rounds)
        memory = {"assay": ours.memory.above_made, "full logits": theirs.memory.above_made}
    norms = [each[-1].result for each in laps.values()]
    off = max(abs(a - b) / abs(b) for a, b in zip(*norms, strict=True))
    assert off < TOLERANCE, f"numbers of both sides differ by {off:.1e}"
    spent = {name: seconds(each) for name, each in laps.items()}
    operations = 3 * 2.0 * options.tokens * options.width * options.vocabulary
    shape = f"1 x {options.tokens:,} tokens, head of {options.width} x {options.vocabulary:,}, forward and backward"
    time_row = Row(
        "log-probabilities, time", shape, "full logits", ratios(spent["assay"], spent["full logits"]), "x",
        at_most=1.4, seconds=statistics.median(spent["assay"]), floor_seconds=rates.seconds(operations),
        floor=rates.text(operations), memory=memory,
        more=f"norms of log-probabilities and gradients differ by {off:.0e} at most",
    )  # fmt: skip
    if None in memory.values():
        return [time_row]
    share = memory["assay"] / memory["full logits"]
    more = "peak above states and weight; of ours the gradient of the weight takes "
    more += f"{options.width * options.vocabulary * 4 / 2**20:,.0f} MiB"
    memory_row = Row(
        "log-probabilities, memory", shape, "full logits", [share], "x", at_most=0.2, memory=memory, more=more
    )
    return [time_row, memory_row]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    found = parser(__doc__)
    for name, default in (("tokens", 2048), ("width", 896), ("vocabulary", 151_936)):
        found.add_argument(f"--{name}", type=int, default=default)
    options = found.parse_args(arguments)
    return finish(options, measure(options))


if __name__ == "__main__":
    raise SystemExit(main())
