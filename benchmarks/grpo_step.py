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
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback

from assay import __version__
from assay.batch import Batch, collate
from assay.config import build
from assay.policies.load import load_policy
from assay.policies.references import find_model
from assay.recipe import Recipe, training_sampling
from assay.rewards.binary import worth
from assay.rewards.scoring import Rewards
from assay.rollout.engine import Engine
from assay.store import Run
from assay.tasks import make_task, parse_spec
from assay.tasks.drawing import PromptDeck
from assay.training import judging, rl
from assay.training.choice import make_algorithm
from assay.training.learner import Learner

try:
    import trl
    from datasets import Dataset
except ImportError:
    trl = None

MISSING = "TRL, to compare with, is not installed; get it with: pip install -c constraints.txt -e '.[bench]'"
WARM_UP = 2
"""Steps before measuring: the first loads the model and tries row counts."""
TRIAL_STEPS = 3
"""Steps of TRL at each micro-batch; the first is not counted."""
PARTS = ("step", "generation", "updates")
"""Updates are the rest of a step: reward, advantages, old log-probabilities, updates."""
Setting = argparse.Namespace
"""The options with what one comparison adds: `base` (a reference to a model), `limit` (the most tokens of a response),
`fixed` (no response ends before the limit), `samples` (of a step)."""
Advance = Callable[[dict[str, float]], None]
"""Called after each step with the seconds of its generation and the tokens sampled."""


def make_setting(options: argparse.Namespace, base: str | None = None) -> Setting:
    """Natural lengths; or a fixed length where `base` names a model that never ends a response."""
    limit = options.fixed_tokens if base else options.max_new_tokens
    more = {"base": base or options.model, "fixed": bool(base), "samples": options.prompts * options.group}
    return Setting(**vars(options), limit=limit, **more)


def recipe_of(setting: Setting, steps: int) -> Recipe:
    """Assay's recipe: all else at its default, nothing written but metrics."""
    tables = {
        "name": "benchmark", "steps": steps, "task": parse_spec(setting.task),
        "model": {"base": setting.base, "device": "cpu", "dtype": "float32"},
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


def make_trainer(setting: Setting, folder: Path, steps: int, micro_batch: int, **options: Any) -> Any:
    """TRL's trainer with the same task, prompts in the same order, and nothing that costs time beside training."""
    task = make_task(setting.task)
    deck = PromptDeck(task, seed=0)
    prompts = [prompt for step in range(steps) for prompt in deck.draw(step, setting.prompts)]
    by_problem = {prompt.problem: prompt for prompt in prompts}

    def verifier(completions: list[str], problem: list[str], **_: Any) -> list[float | None]:
        pairs = zip(problem, completions, strict=True)
        return [worth(task.verify(by_problem[each], completion)) for each, completion in pairs]

    accumulation = setting.samples // setting.updates // micro_batch
    config = trl.GRPOConfig(
        output_dir=str(folder), use_cpu=True, bf16=False, gradient_checkpointing=False,
        per_device_train_batch_size=micro_batch, gradient_accumulation_steps=accumulation,
        steps_per_generation=accumulation * setting.updates, num_iterations=1, max_steps=steps * setting.updates,
        num_generations=setting.group, max_completion_length=setting.limit, temperature=1.0, shuffle_dataset=False,
        loss_type="grpo", scale_rewards="group", epsilon=0.2, beta=0.0, learning_rate=setting.learning_rate,
        lr_scheduler_type="constant", weight_decay=0.0, max_grad_norm=1.0, save_strategy="no", report_to="none",
        disable_tqdm=True, **{"logging_strategy": "no"} | options,
    )  # fmt: skip
    source = find_model(setting.base).source
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(source)
    rows = Dataset.from_list([{"prompt": each.text, "problem": each.problem} for each in prompts])
    trainer = trl.GRPOTrainer(model, verifier, config, rows, processing_class=tokenizer)
    trainer.remove_callback(PrinterCallback)
    if setting.fixed:  # nothing ends a response; TRL takes an end-of-sequence id for granted
        trainer.eos_token_ids = [-1]
        trainer.generation_config.eos_token_id = trainer.generation_kwargs["eos_token_id"] = None
    return trainer


class AfterStep(TrainerCallback):
    """Calls `advance` after the last update of a step."""

    def __init__(self, updates: int, advance: Callable[[], None]) -> None:
        self.updates, self.advance = updates, advance

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """After an update; TRL calls an update a step."""
        if state.global_step % self.updates == 0:
            self.advance()


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


def quieten(threads: int) -> None:
    """At the start of a process: its number of threads, and no talk of libraries."""
    torch.set_num_threads(threads)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def memory_mib(field: str) -> float | None:
    """VmRSS (now) or VmHWM (peak) of this process; None where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":")), None)


def side(pipe: Connection, name: str, setting: Setting, folder: Path, steps: int, micro_batch: int) -> None:
    """Body of a child: one step for each message, until "stop"."""
    quieten(setting.threads)
    imported = memory_mib("VmRSS")

    def advance(found: dict[str, float]) -> None:
        peak = memory_mib("VmHWM")
        pipe.send(found | {"memory": f"{peak - imported:,.0f}" if peak and imported else "unknown"})
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


def compare(setting: Setting, folder: Path) -> None:
    """One table: steps of both, in turns."""
    lengths = f"fixed length of {setting.limit}" if setting.fixed else f"natural lengths up to {setting.limit}"
    print(f"\n{setting.prompts} prompts x {setting.group}, {lengths} tokens, {setting.updates} updates a step")
    micro_batch = fastest_micro_batch(setting, folder)
    steps = WARM_UP + setting.rounds
    sides = {
        "assay": Side("assay", setting, folder / "assay", steps),
        f"trl, {micro_batch} rows": Side("trl", setting, folder / "trl", steps, micro_batch),
    }
    for turn in range(steps):
        for each in list(sides.values())[:: 1 if turn % 2 else -1]:
            each.step()
    show(sides)
    for each in sides.values():
        each.stop()


def show(sides: dict[str, Side]) -> None:
    """Medians with their range, and the ratio of each round."""
    print(f"{'seconds a step':<16}" + "".join(f"{part:>22}" for part in PARTS) + f"{'tokens/s':>12}{'peak MiB':>10}")
    for name, each in sides.items():
        cells = "".join(f"{spread(each.values(part)):>22}" for part in PARTS)
        rates = [tokens / step for tokens, step in zip(each.values("tokens"), each.values("step"), strict=True)]
        print(f"{name:<16}{cells}{statistics.median(rates):>12,.0f}{each.rows[-1]['memory']:>10}")
    ours, theirs = sides.values()
    ratios = [[b / a for a, b in zip(ours.values(part), theirs.values(part), strict=True)] for part in PARTS]
    cells = "".join(f"{spread(each):>22}" for each in ratios)
    print(f"{'ratio':<16}{cells}   (TRL's seconds over Assay's, round by round)")


def spread(values: list[float]) -> str:
    """Median (least to most)."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


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
    with Rewards(recipe.reward, recipe.steps, print) as rewards:
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


def without_end(reference: str, folder: str) -> str:
    """A copy of the model that has no end-of-sequence id, so that every response is as long as the limit."""
    policy = load_policy(reference, "cpu", "float32")
    for config in (policy.model.config, policy.model.generation_config):
        config.eos_token_id = None
    policy.tokenizer.eos_token = None
    policy.model.save_pretrained(folder)
    policy.tokenizer.save_pretrained(folder)
    assert not load_policy(folder).stop_ids
    return folder


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="organism:code-base")
    parser.add_argument("--task", default="compose:seen")
    for name, default in (
        ("prompts", 32), ("group", 16), ("max-new-tokens", 96), ("fixed-tokens", 48), ("updates", 2), ("threads", 2),
        ("rounds", 5),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--micro-batches", type=int, nargs="+", default=[32, 64, 128, 256], help="rows, for TRL")
    parser.add_argument("--lengths", nargs="+", choices=("natural", "fixed"), default=["natural", "fixed"])
    parser.add_argument("--check-only", action="store_true", help="compare the losses and measure nothing")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks the losses, then measures. The exit code is 2 where TRL is missing."""
    options = parse_options(arguments)
    if trl is None:
        print(MISSING, file=sys.stderr)
        return 2
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # as Assay's command line does; for both sides
    print(
        f"{options.model}, {options.task}; {options.threads} threads of {os.cpu_count()} CPUs ({platform.machine()}), "
        f"float32; assay {__version__}, trl {trl.__version__}, transformers {transformers.__version__}, "
        f"torch {torch.__version__}, Python {platform.python_version()}"
    )
    other_process = ProcessPoolExecutor(1, get_context("spawn"), quieten, (options.threads,))
    with tempfile.TemporaryDirectory() as name, other_process:
        folder, rows = Path(name), min(options.micro_batches)
        check = other_process.submit(losses_of_both, make_setting(options), folder / "check", rows)
        for number, ((loss, norm), (their_loss, their_norm)) in enumerate(check.result(), start=1):
            print(
                f"same samples, update {number}: loss {loss:.7f}, TRL's {their_loss:.7f}, difference "
                f"{abs(loss - their_loss):.1e}; gradient norm {norm:.6f}, TRL's {their_norm:.6f}"
            )
        for lengths in () if options.check_only else options.lengths:
            base = None
            if lengths == "fixed":
                base = other_process.submit(without_end, options.model, str(folder / "model")).result()
            compare(make_setting(options, base), folder / lengths)
    return 0


if __name__ == "__main__":
    sys.exit(main())
