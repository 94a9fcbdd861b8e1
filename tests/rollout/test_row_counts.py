import torch

from assay.rollout.row_counts import GRAIN, RowCounts
from tiny_models import tiny_policy


def test_counts_are_multiples_that_were_tried():
    """The least multiple of 32, or of 32 and the width of a prompt, that holds the rows."""
    counts = RowCounts(tiny_policy())
    assert [counts.fit(rows, head=True) for rows in (1, 32, 33, 500)] == [32, 32, 64, 512]
    assert counts.fit(2 * 48, multiple=48) == 96
    assert counts.fit(3 * 48, multiple=48) == 192
    assert counts.invariant


def test_a_count_that_changes_results_is_passed_over():
    """A model whose rows differ where there are 128 of them: the next count is taken."""
    policy = tiny_policy()
    counts = RowCounts(policy)
    _differ_at(policy, {128})
    assert counts.fit(100) == 160
    assert counts.invariant


def test_where_no_count_is_good_nothing_is_promised():
    policy = tiny_policy()
    counts = RowCounts(policy)
    _differ_at(policy, range(0, 10**6, GRAIN))
    assert counts.fit(100) == 128
    assert not counts.invariant


def test_a_row_that_depends_on_its_place_is_found():
    """The last row of every batch is computed otherwise, as by the tail of a vectorised loop."""
    policy = tiny_policy()

    def last_row_differs(module, arguments, output):
        output[-1] += 1e-6
        return output

    policy.model.model.norm.register_forward_hook(last_row_differs)
    counts = RowCounts(policy)
    counts.fit(1)
    assert not counts.invariant


def test_elsewhere_counts_are_exact_and_nothing_is_promised():
    policy = tiny_policy()
    policy.model.to(torch.bfloat16)
    counts = RowCounts(policy)
    assert (counts.fit(5), counts.fit(5, multiple=4), counts.invariant) == (5, 8, False)


def _differ_at(policy, sizes):
    def hook(module, arguments, output):
        return output * (1 + 1e-3) if output.shape[0] in sizes else output

    policy.model.model.norm.register_forward_hook(hook)
    if GRAIN in sizes:  # the reference itself has GRAIN rows; make the others differ from it
        policy.model.model.norm.register_forward_hook(
            lambda module, arguments, output: output if output.shape[0] == GRAIN else output * 1.5
        )
