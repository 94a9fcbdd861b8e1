"""All of GRPO in one file, to be read from top to bottom, and run in about a minute on two CPU cores:

    python examples/rl_loop.py

A step poses prompts, samples a group of responses to each, verifies them, compares each response with its group, and
makes the tokens of the better ones likelier and those of the worse ones less likely. It maximises

    J = mean over responses o of 1/|o| sum over tokens of { min(r A, clip(r, 1 - c, 1 + c) A) - beta KL }

(arXiv 2402.03300, eq. 3) with A = (R - mean) / std over the group, and r = pi / pi_old, the probability of the token
now over that when it was sampled. All of this is plain torch below. Only the task, the engine that samples and the
model are Assay's; its `assay train` is the same algorithm with what long runs need: resume, micro-batches, GPUs, logs.

Legend: G responses to one prompt, B responses to all prompts of a step, T tokens of prompt and response padded to the
longest, V vocabulary. Index t of [B, T] describes token t.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import Module
from torch.nn.utils.rnn import pad_sequence
from torch.optim import Adam

from assay.policies.load import load_policy
from assay.rollout.engine import Engine
from assay.tasks import Task, make_task, stop_of
from assay.types import Prompt, Sample, Sampling


@dataclass(frozen=True)
class Options:
    """What there is to choose."""

    base: str = "organism:code-base"  # or a model directory
    task: str = "compose:seen"
    steps: int = 20
    seed: int = 0
    prompts: int = 16  # a step
    group: int = 16  # responses to each prompt
    temperature: float = 1.0
    updates: int = 2  # optimiser updates for each batch of responses
    learning_rate: float = 1e-4
    max_grad_norm: float = 1.0
    clip: float = 0.2  # c: how far r may go from 1 in one batch
    kl_coef: float = 0.01  # beta: nats of drift from the base cost this much; 0 for nothing
    test_prompts: int = 64  # held out, with 4 responses to each


def sample_groups(
    engine: Engine, task: Task, prompts: Sequence[Prompt], members: int, options: Options, seed: int
) -> list[tuple[list[Sample], Tensor]]:
    """For each prompt the responses and their rewards [G]: 1 for a right one, 0 for a wrong one.

    A response that the verifier could not judge is left out: that is not a wrong one.
    """
    sampling = Sampling(options.temperature, max_new_tokens=task.max_new_tokens, stop=stop_of(task), seed=seed)
    found = []
    for group in engine.generate(prompts, members, sampling):
        verdicts = [(sample, task.verify(group.prompt, sample.text).correct) for sample in group.samples]
        judged = [(sample, float(correct)) for sample, correct in verdicts if correct is not None]
        found.append(([sample for sample, _ in judged], torch.tensor([reward for _, reward in judged])))
    return found


def group_advantages(rewards_G: Tensor) -> Tensor:
    """(R - mean) / std: how much better than other responses to the same prompt. The group does a critic's work."""
    if len(rewards_G) < 2 or rewards_G.max() == rewards_G.min():
        return torch.zeros_like(rewards_G)  # all right or all wrong: nothing to compare
    return (rewards_G - rewards_G.mean()) / (rewards_G.std() + 1e-6)


def token_logprobs(model: Module, ids_BT: Tensor, mask_BT: Tensor, temperature: float) -> Tensor:
    """log pi of each chosen token, [B, T], 0 elsewhere.

    The logits at t are about token t + 1, so the last ones are of no use and nothing predicts token 0. They are divided
    by the temperature because the sampler did so: that is the policy which acted. Padding is on the right, where causal
    attention never looks.
    """
    logits_BTV = model(input_ids=ids_BT, use_cache=False).logits / temperature
    next_BTV = torch.log_softmax(logits_BTV[:, :-1], dim=-1)
    logprobs_BT = next_BTV.gather(-1, ids_BT[:, 1:, None]).squeeze(-1)
    return nn.functional.pad(logprobs_BT, (1, 0)) * mask_BT  # back to T: index t describes token t


def grpo_loss(
    logprobs_BT: Tensor, old_BT: Tensor, reference_BT: Tensor, advantages_B: Tensor, mask_BT: Tensor, options: Options
) -> Tensor:
    """-J. Only `logprobs_BT` has a gradient."""
    advantages_B1 = advantages_B[:, None]  # every token of a response gets the credit of the whole
    ratio_BT = torch.exp(logprobs_BT - old_BT)
    clipped_BT = ratio_BT.clamp(1 - options.clip, 1 + options.clip)
    # Where a token moved far enough the way of its advantage, the clipped side is smaller and has no gradient: it may
    # rest. Where it moved the wrong way the other side is smaller, and pulls it back.
    surrogate_BT = torch.minimum(ratio_BT * advantages_B1, clipped_BT * advantages_B1)
    u_BT = logprobs_BT - reference_BT
    kl_BT = torch.exp(-u_BT) - 1 + u_BT  # "k3": the KL from the reference on average over samples, and never negative
    objective_BT = (surrogate_BT - options.kl_coef * kl_BT) * mask_BT
    return -(objective_BT.sum(dim=1) / mask_BT.sum(dim=1)).mean()  # each response counts the same, however long


def update(
    model: Module, reference: Module, optimizer: Adam, samples: list[Sample], advantages_B: Tensor, options: Options
) -> None:
    """The updates of one step, each on its share of every group's responses."""
    ids_BT = pad_sequence([torch.from_numpy(sample.token_ids).long() for sample in samples], batch_first=True)
    # True for the tokens that the policy chose: neither the prompt nor the padding.
    mask_BT = pad_sequence([torch.from_numpy(sample.mask) for sample in samples], batch_first=True)
    with torch.no_grad():  # pi_old is the policy as it is now; it stays while the policy moves
        old_BT = token_logprobs(model, ids_BT, mask_BT, options.temperature)
        reference_BT = token_logprobs(reference, ids_BT, mask_BT, options.temperature)
    for start in range(options.updates):
        rows = slice(start, None, options.updates)
        logprobs_BT = token_logprobs(model, ids_BT[rows], mask_BT[rows], options.temperature)
        loss = grpo_loss(logprobs_BT, old_BT[rows], reference_BT[rows], advantages_B[rows], mask_BT[rows], options)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), options.max_grad_norm)
        optimizer.step()


def evaluate(engine: Engine, task: Task, options: Options) -> float:
    """pass@1: the share of right responses to held-out prompts, the same ones each time."""
    groups = sample_groups(engine, task, task.prompts("test", options.test_prompts), 4, options, options.seed)
    return float(torch.cat([rewards_G for _, rewards_G in groups]).mean())


def train(options: Options) -> tuple[float, list[float], float]:
    """The loop: pass@1 before, the mean reward of each step, pass@1 after."""
    task = make_task(options.task)
    policy, reference = (load_policy(options.base, device="cpu") for _ in range(2))  # the reference is never changed
    optimizer = Adam(policy.model.parameters(), lr=options.learning_rate)
    engine = Engine(policy)  # samples with the weights as they are at each call
    seeds = Random(options.seed)
    before = evaluate(engine, task, options)
    rewards: list[float] = []
    print(f"pass@1 before: {before:.3f}")
    for step in range(options.steps):
        prompts = task.prompts("train", options.prompts, seeds.getrandbits(32))
        groups = sample_groups(engine, task, prompts, options.group, options, seeds.getrandbits(32))
        samples = [sample for samples_G, _ in groups for sample in samples_G]
        advantages_B = torch.cat([group_advantages(rewards_G) for _, rewards_G in groups])
        update(policy.model, reference.model, optimizer, samples, advantages_B, options)
        policy.version = f"step-{step + 1}"  # whoever changes the weights says so
        rewards.append(float(torch.cat([rewards_G for _, rewards_G in groups]).mean()))
        print(f"step {step:2}  reward {rewards[-1]:.3f}")
    after = evaluate(engine, task, options)
    print(f"pass@1 after: {after:.3f}")
    return before, rewards, after


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the few options that are worth a flag."""
    parser = argparse.ArgumentParser(description="GRPO in one file.")
    for name in ("base", "task", "steps", "seed"):
        default = getattr(Options, name)
        parser.add_argument(f"--{name}", type=type(default), default=default)
    train(Options(**vars(parser.parse_args(arguments))))


if __name__ == "__main__":
    main()
