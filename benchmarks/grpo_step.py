"""A full GRPO step of Assay and of TRL's GRPOTrainer, side by side: generation, reward and updates.

    pip install -c constraints.txt -e '.[bench]'
    python benchmarks/grpo_step.py --threads 2

Both train the same weights on the same prompts with the task's verifier as reward: advantages by the group's standard
deviation, clip .2, no KL, AdamW at a constant learning rate, float32. Each step's samples are cut into as many parts as
there are updates, so each is trained on once (in TRL: `steps_per_generation` is `updates` times
`gradient_accumulation_steps`). Assay runs `assay.training.rl.train`; TRL runs `GRPOTrainer.train`, at the micro-batch
that a short trial finds fastest; neither logs, saves or evaluates. Each side is a process of its own, so that memory
can be told apart; they take turns step by step, each round the other one first, and the idle one sleeps.

Before that, the same samples go through both, and losses and gradient norms of the updates are compared.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from floors import measure_rates
from measured import Row, finish, memory_mib, parser, ratios, spread
from models import make_setting, quieten, without_end
from trl_trainer import MISSING, AfterStep, make_trainer, trl

from assay.batch import Batch, collate
from assay.config import build
from assay.policies.load import load_policy
from assay.recipe import Recipe, training_sampling
from assay.rewards.scoring import Rewards
from assay.rollout.engine import Engine
from assay.store import Run
from assay.tasks import make_task, parse_spec
from assay.tasks.drawing import PromptDeck
from assay.training import judging, rl
from assay.training.choice import make_algorithm
from assay.training.learner import Learner

WARM_UP = 2
"""Steps before measuring: the first loads the model and tries row counts."""
TRIAL_STEPS = 3
"""Steps of TRL at each micro-batch; the first is not counted."""
PARTS = ("step", "generation", "updates")
"""Updates are the rest of a step: reward, advantages, old log-probabilities, updates."""
Setting = argparse.Namespace
"""What `models.make_setting` makes of the options."""
Advance = Callable[[dict[str, float]], None]
"""Called after each step with the seconds of its generation and the tokens sampled."""


def recipe_of(setting: Setting, steps: int) -> Recipe:
    """Assay's recipe: all else at its default, nothing written but metrics."""
    tables = {
        "name": "benchmark", "steps": steps, "task": parse_spec(setting.task),
        "model": {"base": setting.base, "device": setting.device, "dtype": setting.dtype},
        "rollout": {"prompts": setting.prompts, "group": setting.group, "max_new_tokens": setting.limit},
        "algorithm": {"updates": setting.updates}, "optimizer": {"learning_rate": setting.learning_rate},
        "evaluation": {"every": 0}, "checkpoint": {"every": steps + 1, "rollouts_every": 0},
    }  # fmt: skip
    return build(Recipe, tables, "benchmark")


def run_assay(setting: Setting, folder: Path, steps: int, advance: Advance) -> None:
    """Assay's training."""
    run = Run.create(folder, recipe_of(setting, steps), "benchmark", [])

    def after_step(_: int) -> None:
        row = run.read_metrics()[-1]
        tokens = row["completions/mean_length"] * setting.samples
        advance({"generation": row["time/rollout"], "tokens": tokens})

    rl.train(run, advance=after_step)


def run_trl(setting: Setting, folder: Path, steps: int, micro_batch: int, advance: Advance) -> None:
    """TRL's training."""
    trainer = make_trainer(setting, folder, steps, micro_batch)
    generate, seconds = trainer._generate, []

    def timed_generate(*args: Any) -> Any:
        start = time.perf_counter()
        result = generate(*args)
        seconds.append(time.perf_counter() - start)
        return result

    def after_step() -> None:
        lengths = trainer._metrics["train"]["completions/mean_length"]
        advance({"generation": seconds[-1], "tokens": lengths[-1] * setting.samples})

    trainer._generate = timed_generate
    trainer.add_callback(AfterStep(setting.updates, after_step))
    trainer.train()


def side(pipe: Connection, name: str, setting: Setting, folder: Path, steps: int, micro_batch: int) -> None:
    """Body of a child: one step for each message, until "stop"."""
    quieten(setting.threads)
    imported = memory_mib("VmRSS")

    def advance(found: dict[str, float]) -> None:
        peak = memory_mib("VmHWM")
        pipe.send(found | {"memory": peak - imported if peak and imported else None})
        if pipe.recv() == "stop":
            raise SystemExit

    pipe.recv()
    if name == "assay":
        run_assay(setting, folder, steps, advance)
    else:
        run_trl(setting, folder, steps, micro_batch, advance)


class Side:
    """A child process and its measured steps."""

    def __init__(self, name: str, setting: Setting, folder: Path, steps: int, micro_batch: int = 0) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        arguments = (theirs, name, setting, folder, steps + 1, micro_batch)  # one more: it never gets to the end
        self.process = context.Process(target=side, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        self.rows: list[dict[str, Any]] = []

    def step(self) -> None:
        """One step. Seconds are counted here, around the whole of it."""
        start = time.perf_counter()
        self.pipe.send("go")
        try:
            row = self.pipe.recv()
        except EOFError:
            raise SystemExit(f"a process of the benchmark ended with code {self.process.exitcode}; see above") from None
        row["step"] = time.perf_counter() - start
        row["updates"] = row["step"] - row["generation"]
        self.rows.append(row)

    def stop(self) -> None:
        """Ends the process."""
        self.pipe.send("stop")
        self.process.join()

    def values(self, key: str, warm_up: int = WARM_UP) -> list[float]:
        """One number a measured step."""
        return [row[key] for row in self.rows[warm_up:]]


def fastest_micro_batch(setting: Setting, folder: Path) -> int:
    """TRL's micro-batch (rows) with the least time outside generation, which is the same for all; they take turns."""
    per_update = setting.samples // setting.updates
    sizes = [size for size in setting.micro_batches if size <= per_update and per_update % size == 0]
    if not sizes:
        raise SystemExit(f"--micro-batches: none of them divides the {per_update} samples of an update")
    trials = {size: Side("trl", setting, folder / f"trial-{size}", TRIAL_STEPS, size) for size in sizes}
    for _ in range(TRIAL_STEPS):
        for each in trials.values():
            each.step()
    for each in trials.values():
        each.stop()
    seconds = {size: statistics.median(each.values("updates", warm_up=1)) for size, each in trials.items()}
    tried = ", ".join(f"{size}: {median:.2f} s" for size, median in seconds.items())
    print(f"TRL's updates by micro-batch (rows): {tried}", flush=True)
    return min(seconds, key=lambda size: seconds[size])


def compare(setting: Setting, folder: Path) -> list[Row]:
    """The rows of one kind of lengths: steps of both, in turns."""
    micro_batch = fastest_micro_batch(setting, folder)
    steps = WARM_UP + setting.rounds
    ours, theirs = sides = (
        Side("assay", setting, folder / "assay", steps),
        Side("trl", setting, folder / "trl", steps, micro_batch),
    )
    for turn in range(steps):
        for each in sides[:: 1 if turn % 2 else -1]:
            each.step()
    for each in sides:
        each.stop()
    return list(rows_of(setting, ours, theirs, micro_batch))


def rows_of(setting: Setting, ours: "Side", theirs: "Side", micro_batch: int) -> Iterator[Row]:
    """Time, and memory where a goal is set for it. The floor: 8 operations a weight and response token."""
    lengths = f"fixed length of {setting.limit}" if setting.fixed else f"natural lengths up to {setting.limit}"
    work = f"{setting.prompts} prompts x {setting.group} of {setting.model}, {lengths} tokens"
    work += f", {setting.updates} updates, {setting.dtype} on {setting.device}"
    name, against = f"GRPO step, {'fixed length' if setting.fixed else 'natural lengths'}", "TRL GRPOTrainer"
    parts = {part: ratios(theirs.values(part), ours.values(part)) for part in PARTS}
    weights = sum(each.numel() for each in load_policy(setting.base, "cpu").model.parameters())
    operations = 8.0 * weights * statistics.median(ours.values("tokens"))
    rates = measure_rates(setting.threads, setting.device, setting.dtype)
    memory = {"assay": ours.rows[-1]["memory"], "TRL": theirs.rows[-1]["memory"]}
    more = f"TRL at a micro-batch of {micro_batch}; of that generation {spread(parts['generation'])} x, "
    more += f"updates {spread(parts['updates'])} x; assay {spread(ours.values('step'))} s a step"
    yield Row(
        f"{name}, time", work, against, parts["step"], "x", at_least=1.5 if setting.fixed else 3.0,
        seconds=statistics.median(ours.values("step")), floor_seconds=rates.seconds(operations),
        floor=rates.text(operations), memory=memory, more=more,
    )  # fmt: skip
    if not setting.fixed and None not in memory.values():
        share = memory["assay"] / memory["TRL"]
        yield Row(f"{name}, memory", work, against, [share], "x", at_most=0.5, memory=memory)


Update = tuple[float, float]
"""Loss of an update, and the norm of its gradient before clipping."""


def losses_of_both(setting: Setting, folder: Path, micro_batch: int) -> list[tuple[Update, Update]]:
    """Assay's and TRL's updates on the samples that Assay draws for step 0, in the parts that TRL deals them into.

    TRL's loop runs as it is, but for the samples, which are handed to it in place of its own. TRL's loss_type "grpo" is
    the aggregation "sequence". The first update's ratios are 1; the second comes after an update on either side.
    """
    recipe = recipe_of(setting, steps=1)
    task, policy = make_task(setting.task), load_policy(setting.base, "cpu", "float32")
    prompts = PromptDeck(task, recipe.seed).draw(0, setting.prompts)
    groups = Engine(policy).generate(prompts, setting.group, training_sampling(recipe, 0))
    algorithm = make_algorithm(recipe.algorithm | {"updates": 1})
    with Rewards(recipe.reward, task, recipe.seed, recipe.steps, print) as rewards:
        groups, _ = rewards(judging.verify(groups, task), 0)
    groups = judging.advantage(judging.shape(groups, algorithm, setting.limit), algorithm)
    batch = collate(judging.trained_on(groups, "keep"))
    theirs, parts = trl_updates(setting, folder, micro_batch, batch)

    learner = Learner(recipe, algorithm, policy)
    batch = learner.fix(batch, step=0)
    ours = []
    for rows in parts:
        found = learner.update(batch.select(rows), step=0)
        ours.append((found["loss"], found["grad_norm"]))
    return list(zip(ours, theirs, strict=True))


def trl_updates(setting: Setting, folder: Path, micro_batch: int, batch: Batch) -> tuple[list[Update], list[list[int]]]:
    """TRL's updates on the batch's samples, and the rows of the batch that each update got."""
    trainer = make_trainer(setting, folder, 1, micro_batch, logging_strategy="steps", logging_steps=1)
    score, train = trainer._generate_and_score_completions, trainer.training_step
    losses: list[float] = []

    def generate(prompt_ids: list[list[int]], *_: Any) -> tuple[list[list[int]], None]:
        prompts = [sample.token_ids[~sample.mask].tolist() for sample in batch.samples]
        assert prompt_ids == prompts, "both tokenize and order the prompts in the same way"
        return [sample.token_ids[sample.mask].tolist() for sample in batch.samples], None

    def training_step(*args: Any, **options: Any) -> torch.Tensor:
        loss: torch.Tensor = train(*args, **options)
        losses.append(float(loss))
        return loss

    trainer._generate_single_turn, trainer.training_step = generate, training_step
    trainer._generate_and_score_completions = lambda inputs: score(inputs) | {"rows": torch.arange(len(batch))}
    trainer.train()
    norms = [row["grad_norm"] for row in trainer.state.log_history if "grad_norm" in row]
    rows = torch.cat([part["rows"] for part in trainer._buffered_inputs]).chunk(setting.updates)
    sums = torch.tensor(losses, dtype=torch.float64).reshape(setting.updates, -1).sum(1).tolist()
    return list(zip(sums, norms, strict=True)), [each.tolist() for each in rows]


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    found = parser(__doc__)
    found.add_argument("--model", default="organism:code-base")
    found.add_argument("--task", default="compose:seen")
    for name, default in (
        ("prompts", 32), ("group", 16), ("max-new-tokens", 96), ("fixed-tokens", 48), ("updates", 2),
    ):  # fmt: skip
        found.add_argument(f"--{name}", type=int, default=default)
    found.add_argument("--learning-rate", type=float, default=1e-4)
    found.add_argument("--micro-batches", type=int, nargs="+", default=[64, 128, 256], help="rows, for TRL")
    found.add_argument("--lengths", nargs="+", choices=("natural", "fixed"), default=["natural", "fixed"])
    found.add_argument("--device", default="cpu")
    found.add_argument("--dtype", default="float32")
    found.add_argument("--check-only", action="store_true", help="compare the losses and measure nothing")
    return found.parse_args(arguments)


def check(setting: Setting, folder: Path) -> None:
    """Prints by how much losses and gradient norms differ on the same samples."""
    for number, ((loss, norm), (their_loss, their_norm)) in enumerate(
        losses_of_both(setting, folder, min(setting.micro_batches)), start=1
    ):
        print(
            f"same samples, update {number}: loss {loss:.7f}, TRL's {their_loss:.7f}, difference "
            f"{abs(loss - their_loss):.1e}; gradient norm {norm:.6f}, TRL's {their_norm:.6f}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks the losses, then measures. The exit code is 2 where TRL is missing."""
    options = parse_options(arguments)
    if trl is None:
        print(MISSING, file=sys.stderr)
        return 2
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # as Assay's command line does; for both sides
    quieten(options.threads)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.device == "cpu":
            check(make_setting(options), folder / "check")
        for lengths in () if options.check_only else options.lengths:
            base = without_end(options.model, str(folder / "model")) if lengths == "fixed" else None
            rows += compare(make_setting(options, base), folder / lengths)
    return finish(options, rows)


if __name__ == "__main__":
    sys.exit(main())
