"""Rewards as users write them, in TRL's and in verl's signature; the tests name them `users_rewards:NAME`."""

import asyncio
import re

SEEN = []
LOOPS = set()


# TRL


def accuracy(completions, solution, log_metric=None, **kwargs):
    """In the manner of trl.rewards.accuracy_reward: messages, one column, a logged metric."""
    found = [re.findall(r"\\boxed\{(.*?)\}", completion[0]["content"]) for completion in completions]
    values = [float(answers[-1] == gold) if answers else 0.0 for answers, gold in zip(found, solution, strict=True)]
    if log_metric:
        log_metric("boxed", sum(map(bool, found)) / len(found))
    return values


def everything(prompts, completions, completion_ids, **kwargs):
    SEEN.append({"prompts": prompts, "completions": completions, "completion_ids": completion_ids, **kwargs})
    return [float(len(ids)) for ids in completion_ids]


def only_two(completions, hint):
    return [float(text == wanted) for text, wanted in zip(completions, hint, strict=True)]


def needs_solution(completions, solution):
    return [1.0] * len(completions)


def sevens_only(completions, **kwargs):
    """None in TRL's sense: not of my kind."""
    return [0.5 if text == "7" else None for text in completions]


def trips_over_nine(completions, **kwargs):
    return [1.0 / (9 - int(text)) for text in completions]


def never(**kwargs):
    raise KeyError("solution")


def from_step_one(completions, trainer_state, **kwargs):
    if trainer_state.global_step > 0:
        raise ConnectionError(f"no answer in step {trainer_state.global_step}")
    return [1.0] * len(completions)


def nothing(completions, **kwargs):
    return [None] * len(completions)


def short(**kwargs):
    return []


def one_number(**kwargs):
    return 1.0


def odd_values(completions, **kwargs):
    return [{"1": "0.5", "2": float("nan"), "3": float("inf"), "4": [1.0]}.get(text, True) for text in completions]


class Meeting:
    """Two coroutine functions that can only end together."""

    def __init__(self):
        self.here = []

    async def __call__(self, completions, **kwargs):
        LOOPS.add(asyncio.get_running_loop())
        self.here.append(len(self.here))
        while len(self.here) % 2:
            await asyncio.sleep(0.001)
        return [1.0] * len(completions)


meeting = Meeting()


async def first(**kwargs):
    return await asyncio.wait_for(meeting(**kwargs), timeout=5)


async def second(**kwargs):
    return await asyncio.wait_for(meeting(**kwargs), timeout=5)


async def leaves(completions, **kwargs):
    await asyncio.sleep(0)
    if "9" in completions:
        raise SystemExit("out of credit")
    return [1.0] * len(completions)


# verl


def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    """In the manner of verl's gsm8k: the number after the last ####."""
    assert data_source == "openai/gsm8k" and extra_info["split"] in ("train", "test"), (data_source, extra_info)
    found = re.findall(r"#### (-?[0-9.,]+)", solution_str)
    return {"score": float(bool(found) and found[-1] == ground_truth), "acc": bool(found), "pred": str(found)}


async def compute_score_later(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    await asyncio.sleep(0)
    return 1.0 if solution_str == ground_truth else 0.0


def plain_score(solution_str, ground_truth):
    return 1 / (9 - int(solution_str)) if ground_truth == "gold" else {"acc": 1}
