"""Rewards in TRL's signature that the tests name as `rewards_of_tests:NAME`."""


def length(prompts, completions, completion_ids, **columns):
    """Shorter is better: varies within a group whatever the model writes."""
    return [-float(len(ids)) + 0.01 * (ids[0] % 7) for ids in completion_ids]
