"""Rewards in TRL's signature that the tests name as `rewards_of_tests:NAME`."""


def length(prompts, completions, completion_ids, **columns):
    """Shorter is better: varies within a group whatever the model writes."""
    return [-float(len(ids)) + 0.01 * (ids[0] % 7) for ids in completion_ids]


def breaks_later(completions, trainer_state, **columns):
    """Raises in every step but the first."""
    return [1.0 / (1 - min(trainer_state.global_step, 1)) for _ in completions]


def broken(completions, **columns):
    """Raises always."""
    return [columns["solution"] for _ in completions]


def none(completions, **_):
    """No value for any."""
    return [None] * len(completions)
