"""Our losses and those of TRL's trainers on the same tensors: values and gradients.

Both start from the same token ids, masks, advantages, old and reference log-probabilities and weights, and each makes
its own log-probabilities and gradient: TRL with prompts padded on the left and its fused output layer, in the
trainers' own `compute_loss`. Weights are float64; what is left of a difference is TRL's, whose output layer works in
float32. Old log-probabilities are off by enough that both bounds clip. One row has a tool's tokens
inside its response and one is masked whole, as a truncated one may be.

Where the two differ by design, the test's docstring says why, and the difference is asserted. TRL dropped PPO in 1.13:
of it only the clipped surrogate is compared, under advantages that differ from token to token.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from assay.algorithms import aggregate
from assay.algorithms.advantages import standardised
from assay.algorithms.cispo import Cispo
from assay.algorithms.dapo import Dapo
from assay.algorithms.distillation import Distillation
from assay.algorithms.dr_grpo import DrGrpo
from assay.algorithms.grpo import Grpo
from assay.algorithms.gspo import Gspo
from assay.algorithms.kl import k1, k3
from assay.algorithms.ppo import Ppo
from assay.algorithms.prorl import ProRl
from assay.algorithms.rloo import Rloo
from assay.batch import collate
from assay.organisms.grow import Shape, make_model, make_tokenizer
from assay.policies.load import make_policy
from assay.policies.stats import Wanted, token_stats
from assay.types import Sample, Sampling, Stop

pytestmark = [
    pytest.mark.slow,
    # TRL asks for it by its old name.
    pytest.mark.filterwarnings("ignore:`(is_)?gradient_checkpointing` is deprecated:FutureWarning"),
]

PROMPTS = (3, 1, 8, 5, 2, 6, 4, 7)
"""Tokens of each row's prompt."""
RESPONSES = (12, 20, 1, 7, 15, 9, 4, 18)
"""Tokens of each row's response."""
ADVANTAGES = (1.2, -0.7, -1.5, 0.6, 1.9, -0.4, 0.8, -1.1)
ROWS = tuple(range(8))
WITH_TOOL, MASKED = 4, 5
LIMIT = 24
"""The most tokens of a response: Dr. GRPO's constant."""
TEMPERATURE = 0.7
NOISE = 0.3
"""Standard deviation of old and reference log-probabilities around the current ones, in nats."""
TOLERANCE = 1e-5


class Found(NamedTuple):
    """A loss and its gradient over all weights, in the model's order."""

    loss: float
    gradient: torch.Tensor


@pytest.fixture(scope="module")
def trl():
    return pytest.importorskip("trl", reason="needs TRL: pip install -c constraints.txt -e '.[bench]'")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model whose logits are sharp enough that a wrong position or temperature shows."""
    model = make_model(Shape(hidden=16, layers=2, heads=2, mlp=24, max_positions=64), seed=0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3 if weight.dim() == 2 else 1)
    path = tmp_path_factory.mktemp("base")
    model.save_pretrained(path)
    make_tokenizer(64).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def policy(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    return make_policy(model, AutoTokenizer.from_pretrained(folder), "tiny", "0")


@pytest.fixture
def make_trainer(trl, folder, tmp_path):
    """A trainer of TRL as it is during a step: GRPO's, or the one named, with the options given."""
    datasets = pytest.importorskip("datasets")

    def make(name="GRPO", rewards=(), **options):
        fixed = {
            "output_dir": str(tmp_path), "use_cpu": True, "bf16": False, "report_to": [], "beta": 0.0,
            "per_device_train_batch_size": 8, "num_generations": 4, "max_completion_length": LIMIT,
            "temperature": TEMPERATURE,
        } | ({"use_bias_correction_kl": False} if name == "GRPO" else {})  # fmt: skip
        config = getattr(trl, f"{name}Config")(**fixed | options)
        trainer = getattr(trl, f"{name}Trainer")(
            model=AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64),
            reward_funcs=lambda completions, **_: list(rewards),
            args=config,
            train_dataset=datasets.Dataset.from_list([{"prompt": "1"}] * 8),
            processing_class=AutoTokenizer.from_pretrained(folder),
        )
        trainer.model.train()
        trainer.current_gradient_accumulation_steps = config.gradient_accumulation_steps
        return trainer

    return make


def sample(row, plain=False):
    rng = np.random.default_rng(row)
    prompt, length = PROMPTS[row], PROMPTS[row] + RESPONSES[row]
    mask = np.arange(length) >= prompt
    if row == WITH_TOOL and not plain:
        mask[prompt + 4 : prompt + 9] = False
    if row == MASKED and not plain:
        mask[:] = False
    ids = rng.integers(3, 200, length).astype(np.int32)
    logprobs = np.zeros(length, np.float32)
    return Sample(0, row, ids, mask, logprobs, Sampling(), "0", Stop.EOS, "", advantage=ADVANTAGES[row])


def make_batch(policy, plain=False, noise=NOISE):
    """The rows with old and reference log-probabilities around the policy's own."""
    batch = collate([sample(row, plain) for row in ROWS])
    with torch.no_grad():
        now_BT = token_stats(policy, batch, TEMPERATURE).logprobs_BT
    generator = torch.Generator().manual_seed(0)
    old_BT, reference_BT = (
        (now_BT + noise * torch.randn(now_BT.shape, generator=generator)) * batch.mask_BT for _ in range(2)
    )
    return replace(batch, old_BT=old_BT, reference_BT=reference_BT)


@pytest.fixture(scope="module")
def batch(policy):
    return make_batch(policy)


def ours(policy, batch, algorithm, rows=ROWS):
    """Assay's loss and gradient of some rows as one optimiser step."""
    batch = replace(batch.select(rows), kl_coef=algorithm.kl_coef)
    stats = token_stats(policy, batch, TEMPERATURE, Wanted(entropy="gradient"))
    if isinstance(algorithm, Ppo):
        zeros_BT = torch.zeros_like(stats.logprobs_BT)
        stats, batch = replace(stats, values_BT=zeros_BT), replace(batch, values_BT=zeros_BT, returns_BT=zeros_BT)
    term = algorithm.loss(stats, batch)
    norm = aggregate.denominator(algorithm.aggregation, batch, LIMIT)
    return found(policy.model, aggregate.reduce(algorithm.aggregation, term.value_BT, batch, norm))


def theirs(trainer, batch, micros=(ROWS,), per_token=False, **changes):
    """TRL's loss and gradient, summed over the micro-batches of one optimiser step."""
    losses = [trainer.compute_loss(trainer.model, trl_inputs(batch, rows, per_token) | changes) for rows in micros]
    return found(trainer.model, torch.stack(losses).sum())


def found(model, loss):
    model.zero_grad(set_to_none=True)
    loss.backward()
    return Found(loss.item(), torch.cat([weight.grad.flatten() for weight in model.parameters()]))


def trl_inputs(batch, rows, per_token=False):
    """The rows as TRL holds them: prompts padded on the left, responses in columns of their own."""
    width, room = max(PROMPTS[row] for row in rows), max(RESPONSES[row] for row in rows)

    def responses(values_BT):
        parts = [values_BT[row, PROMPTS[row] : PROMPTS[row] + RESPONSES[row]] for row in rows]
        return torch.stack([torch.nn.functional.pad(part, (0, room - len(part))) for part in parts])

    def prompts(values):
        return torch.stack([torch.nn.functional.pad(part, (width - len(part), 0)) for part in values])

    chosen = responses(batch.mask_BT).long()
    inputs = {
        "prompt_ids": prompts([batch.token_ids_BT[row, : PROMPTS[row]] for row in rows]),
        "prompt_mask": prompts([torch.ones(PROMPTS[row], dtype=torch.long) for row in rows]),
        "completion_ids": responses(batch.token_ids_BT),
        "completion_mask": responses(torch.ones_like(batch.token_ids_BT)) * chosen.any(dim=1, keepdim=True),
        "tool_mask": chosen,
        "advantages": torch.tensor([ADVANTAGES[row] for row in rows]),
        "old_per_token_logps": responses(batch.old_BT),
        "ref_per_token_logps": responses(batch.reference_BT),
        "old_logps": responses(batch.old_BT).sum(dim=1),
        "num_items_in_batch": batch.mask_BT.sum(),
    }
    return inputs | ({"advantages": responses(batch.advantages_BT)} if per_token else {})


def assert_same(ours, theirs):
    loss, gradient = differences(ours, theirs)
    assert abs(theirs.loss) > 1e-3 and theirs.gradient.abs().max() > 1e-2, "nothing to compare"
    assert max(loss, gradient) < TOLERANCE, f"largest difference: loss {loss:.1e}, gradient {gradient:.1e}"


def differences(ours, theirs):
    return abs(ours.loss - theirs.loss), float((ours.gradient - theirs.gradient).abs().max())


CASES = {
    "grpo": (Grpo(), {"loss_type": "grpo"}),
    "grpo, bounds apart": (
        Grpo(clip_low=0.15, clip_high=0.3), {"loss_type": "grpo", "epsilon": 0.15, "epsilon_high": 0.3}
    ),
    "grpo, k3": (Grpo(kl_coef=0.5), {"loss_type": "grpo", "beta": 0.5}),
    "grpo, dual clip": (Grpo(dual_clip=1.5), {"loss_type": "grpo", "delta": 1.5}),
    "grpo by token": (Grpo(aggregation="token"), {"loss_type": "bnpo"}),
    "grpo, entropy": (
        Grpo(aggregation="token", entropy_coef=0.1), {"loss_type": "bnpo", "entropy_coef": 0.1}
    ),
    "dapo": (Dapo(), {"loss_type": "dapo", "epsilon": 0.2, "epsilon_high": 0.28}),
    "prorl": (ProRl(kl_coef=0.5), {"loss_type": "dapo", "epsilon": 0.2, "epsilon_high": 0.4, "beta": 0.5}),
    "dr-grpo": (DrGrpo(), {"loss_type": "dr_grpo"}),
    "gspo": (
        Gspo(clip_low=0.05, clip_high=0.08),
        {"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon": 0.05, "epsilon_high": 0.08},
    ),
    "cispo": (Cispo(clip_high=0.3), {"loss_type": "cispo", "epsilon_high": 1.3}),
}  # fmt: skip
"""An algorithm and the options that make TRL's of it. CISPO's bound is added to 1 here and the cap itself there."""


@pytest.mark.parametrize("case", CASES)
def test_losses_are_trls(case, policy, batch, make_trainer):
    algorithm, options = CASES[case]
    assert_same(ours(policy, batch, algorithm), theirs(make_trainer(**options), batch))


@pytest.mark.parametrize("case", ["grpo", "dapo", "gspo", "cispo"])
def test_losses_are_trls_at_one_update_a_batch(case, policy, batch, make_trainer):
    """Neither is told the old log-probabilities, and both take the policy's own, without gradient."""
    algorithm, options = CASES[case]
    mine = ours(policy, replace(batch, old_BT=None), algorithm)
    assert_same(mine, theirs(make_trainer(**options), batch, old_per_token_logps=None))


def test_ppos_surrogate_is_trls_under_advantages_per_token(policy, batch, make_trainer):
    """PPO without its critic's term and DAPO's aggregation are one loss where advantages are [B, T]."""
    wave_T = torch.cos(torch.arange(batch.mask_BT.shape[1]))
    batch = replace(batch, advantages_BT=batch.advantages_BT * wave_T)
    mine = ours(policy, batch, Ppo(value_coef=0.0, clip_high=0.3))
    trainer = make_trainer(loss_type="dapo", epsilon=0.2, epsilon_high=0.3)
    assert_same(mine, theirs(trainer, batch, per_token=True))


def test_diagnostics_are_trls_and_both_bounds_clip(policy, batch, make_trainer):
    algorithm = Grpo(clip_low=0.15, clip_high=0.3, kl_coef=0.5)
    trainer = make_trainer(loss_type="grpo", epsilon=0.15, epsilon_high=0.3, beta=0.5)
    theirs(trainer, batch)
    term = algorithm.loss(token_stats(policy, batch, TEMPERATURE), batch)
    for name in ("clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean", "kl"):
        mean = float(term.diagnostics_BT[name][batch.mask_BT].mean())
        difference = abs(mean - trainer._metrics["train"][name][-1])
        assert mean > 0.03 and difference < TOLERANCE, f"{name}: {mean:.3f}, difference {difference:.1e}"


PARTS = ((0, 2, 4, 5), (1, 3, 6, 7))
"""Two micro-batches of equal rows and unequal tokens."""


@pytest.mark.parametrize("case", ["grpo, k3", "dapo", "prorl", "dr-grpo", "gspo", "cispo"])
def test_micro_batches_of_a_step_add_up_to_trls(case, policy, batch, make_trainer):
    algorithm, options = CASES[case]
    trainer = make_trainer(per_device_train_batch_size=4, gradient_accumulation_steps=2, **options)
    assert_same(ours(policy, batch, algorithm), theirs(trainer, batch, PARTS))


def test_trls_bnpo_weighs_micro_batches_alike(policy, batch, make_trainer):
    """TRL's bnpo divides by the tokens of the micro-batch, so a token weighs more beside few others; ours counts those
    of the whole step, and does not change with the split. So TRL's is the mean of our losses of the parts."""
    algorithm, options = CASES["grpo by token"]
    trainer = make_trainer(per_device_train_batch_size=4, gradient_accumulation_steps=2, **options)
    split = theirs(trainer, batch, PARTS)
    parts = [ours(policy, batch, algorithm, rows) for rows in PARTS]
    assert_same(Found(*(sum(each) / 2 for each in zip(*parts, strict=True))), split)
    assert min(differences(ours(policy, batch, algorithm), split)) > 1e-3


def test_trls_dapo_divides_each_update_by_the_mean_tokens_of_an_update(policy, batch, make_trainer):
    """With several updates a batch TRL divides each by the batch's tokens over the number of updates, ours by its own
    tokens. Times the ratio of the two, TRL's loss is ours."""
    algorithm, options = CASES["dapo"]
    trainer = make_trainer(per_device_train_batch_size=4, steps_per_generation=2, **options)
    update = theirs(trainer, batch, PARTS[:1])
    tokens = batch.mask_BT.sum(dim=1)
    ratio = float(tokens.sum() / 2 / tokens[list(PARTS[0])].sum())
    assert abs(ratio - 1) > 0.1
    assert_same(ours(policy, batch, algorithm, PARTS[0]), Found(update.loss * ratio, update.gradient * ratio))


def test_cispos_lower_bound_is_ours_alone(policy, batch, make_trainer):
    """TRL caps weights and has no lower bound; ours has one where `clip_low` is below 1. There a token whose ratio is
    under it weighs 1 - clip_low in place of its ratio, which is what TRL's loss lacks."""
    _, options = CASES["cispo"]
    stats = token_stats(policy, batch, TEMPERATURE)
    missing_BT = (0.8 - (stats.logprobs_BT - batch.old_BT).exp().detach()).clamp(min=0)
    lacking = -(missing_BT * batch.advantages_BT * stats.logprobs_BT).sum() / batch.mask_BT.sum()
    lacks, without = found(policy.model, lacking), theirs(make_trainer(**options), batch)
    mine = ours(policy, batch, Cispo(clip_low=0.2, clip_high=0.3))
    assert_same(mine, Found(without.loss + lacks.loss, without.gradient + lacks.gradient))
    assert min(differences(mine, without)) > 1e-3


def test_a_delta_inside_the_upper_bound_changes_places_with_it(policy, batch, make_trainer):
    """The dual clip c bounds the objective by c A where A < 0; TRL clamps the ratio in min's first term at delta,
    whatever the sign. Past 1 + clip_high it is the same. Inside it, delta bounds r where A > 0, and where A < 0 min
    takes the other term, which ends at 1 + clip_high: so delta is the upper bound and 1 + clip_high the dual clip."""
    trainer = make_trainer(loss_type="grpo", epsilon_high=0.5, delta=1.1)
    inside = theirs(trainer, batch)
    assert_same(ours(policy, batch, Grpo(clip_high=0.1, dual_clip=1.5)), inside)
    assert min(differences(ours(policy, batch, Grpo(clip_high=0.5, dual_clip=1.1)), inside)) > 1e-3


def test_trls_entropy_is_a_mean_over_tokens_whatever_the_loss(policy, batch, make_trainer):
    """Ours is aggregated as the loss is, so that each loss has one weight a token; TRL's is always a mean over tokens.
    So TRL's GRPO is ours plus what the bonus adds to a loss by token."""
    mixed = theirs(make_trainer(loss_type="grpo", entropy_coef=0.5), batch)
    whole, without = (ours(policy, batch, Grpo(aggregation="token", entropy_coef=coef)) for coef in (0.5, 0))
    plain = ours(policy, batch, Grpo())
    sums = [a + b - c for a, b, c in zip(plain, whole, without, strict=True)]
    assert_same(Found(*sums), mixed)
    assert min(differences(ours(policy, batch, Grpo(entropy_coef=0.5)), mixed)) > 1e-3


@pytest.mark.parametrize("on_policy", [True, False])
def test_trls_default_kl_is_weighted_by_the_ratio(on_policy, policy, batch, make_trainer):
    """TRL's default (`use_bias_correction_kl`) is beta r k3 with r's gradient. At r = 1 that has the value of k3 and
    the gradient (k3 + 1 - exp(-u)) = u of k2: our "k3+". Ours has no ratio in later updates: TRL's is more by
    beta (r - 1) k3 than our k3. `test_losses_are_trls` has it off."""
    trainer = make_trainer(loss_type="grpo", beta=0.5, use_bias_correction_kl=True)
    if on_policy:
        mine = ours(policy, replace(batch, old_BT=None), Grpo(kl_coef=0.5, kl_estimator="k3+"))
        assert_same(mine, theirs(trainer, batch, old_per_token_logps=None))
        return
    logprobs_BT = token_stats(policy, batch, TEMPERATURE).logprobs_BT
    more_BT = 0.5 * ((logprobs_BT - batch.old_BT).exp() - 1) * k3(logprobs_BT, batch.reference_BT)
    more = found(policy.model, aggregate.reduce("sequence", more_BT, batch, len(batch)))
    mine = ours(policy, batch, Grpo(kl_coef=0.5))
    assert min(abs(more.loss), more.gradient.abs().max()) > 1e-3
    assert_same(Found(mine.loss + more.loss, mine.gradient + more.gradient), theirs(trainer, batch))


def test_rloo_has_trls_gradient_at_one_update_a_batch(policy, make_trainer):
    """TRL has one ratio a response, ours one a token. At ratio 1 both gradients are A times the gradient of
    log pi of the response; the loss, which means nothing there, is -A there and -A times its tokens here."""
    batch = make_batch(policy, plain=True, noise=0)
    mine, other = ours(policy, batch, Rloo()), theirs(make_trainer("RLOO"), batch)
    assert_same(Found(other.loss, mine.gradient), other)
    assert other.loss == pytest.approx(-np.mean(ADVANTAGES), abs=TOLERANCE)
    assert mine.loss == pytest.approx(-np.mean(np.multiply(ADVANTAGES, RESPONSES)), abs=TOLERANCE)


def test_rloo_weighs_tokens_where_trl_weighs_and_clips_responses(policy, make_trainer):
    """Off the policy TRL's gradient is that of the response's ratio, whose variance grows with its length and which
    it clips; ours weighs each token by its own ratio, biased but tame, and is not clipped (`surrogates.unclipped`).
    They are one only where a response is one token and inside the bounds."""
    batch, trainer = make_batch(policy, plain=True, noise=0.1), make_trainer("RLOO", epsilon=1.0, epsilon_high=100.0)
    single = ROWS[2:3]
    assert RESPONSES[single[0]] == 1
    for shift in (-0.5, 0.5):
        shifted = replace(batch, old_BT=batch.old_BT + shift * batch.mask_BT)
        assert_same(ours(policy, shifted, Rloo(), single), theirs(trainer, shifted, (single,)))
    log_ratio_BT = token_stats(policy, batch, TEMPERATURE).logprobs_BT - batch.old_BT
    by_response = -(log_ratio_BT.sum(dim=1).exp() * torch.tensor(ADVANTAGES)).mean()
    other = theirs(trainer, batch)
    assert_same(found(policy.model, by_response), other)
    assert min(differences(ours(policy, batch, Rloo()), other)) > 1e-2


REWARDS = ((1.0, 0.0, 0.0, 1.0), (0.5, 0.25, None, 1.0), (0.5, 0.5, 0.5, 0.5), (None, None, None, 1.0))
"""Of groups of four: a spread, one unknown, all the same, one known."""


def scored(make_trainer, name, groups, moved=0.0, **options):
    """A trainer, and what it makes of the rows as responses to one prompt with these rewards: all but generation.

    Its weights have `moved` from the reference's.
    """
    rewards = [reward for group in groups for reward in group]
    count = {"per_device_train_batch_size": len(rewards), "num_generations": len(groups[0])}
    trainer = make_trainer(name, rewards, **count | options)
    with torch.no_grad():
        for weight in trainer.model.parameters():
            weight += moved * torch.randn(weight.shape)
    responses = [sample(row % len(ROWS), plain=True) for row in range(len(rewards))]
    completions = [each.token_ids[each.mask].tolist() for each in responses]
    trainer._generate_single_turn = lambda *_, **__: completions if name == "RLOO" else (completions, None)
    return trainer, trainer._generate_and_score_completions([{"prompt": "1"}] * len(rewards))


def advantages_of(algorithm, groups):
    each = sample(0)
    return [algorithm.group_advantages([replace(each, shaped_reward=reward) for reward in group]) for group in groups]


def largest(ours, theirs):
    return float((torch.as_tensor(ours).flatten() - theirs["advantages"]).abs().max())


CENTRED = {"scale_rewards": "none"}


@pytest.mark.parametrize(
    ("algorithm", "name", "options"),
    [(Grpo(scale="none"), "GRPO", CENTRED), (DrGrpo(), "GRPO", CENTRED), (Rloo(), "RLOO", {})],
)
def test_advantages_are_trls(algorithm, name, options, make_trainer):
    """An unknown reward leaves its group's statistics and has advantage 0, in both."""
    _, other = scored(make_trainer, name, REWARDS, **options)
    difference = largest(advantages_of(algorithm, REWARDS), other)
    assert difference < TOLERANCE, f"largest difference: {difference:.1e}"


def test_standardised_advantages_are_trls_but_for_epsilon(make_trainer):
    """TRL adds 1e-4 to the deviation, ours 1e-6: it tells where the spread is small."""
    _, other = scored(make_trainer, "GRPO", REWARDS, scale_rewards="group")
    difference = largest([standardised(group, epsilon=1e-4) for group in REWARDS], other)
    assert difference < TOLERANCE, f"largest difference: {difference:.1e}"
    assert 1e-4 < largest(advantages_of(Grpo(), REWARDS), other) < 1e-3


def test_equal_rewards_are_exactly_0_where_trl_rounds(make_trainer):
    """The mean of six rewards of 1.94 is not 1.94, in float32 nor float64. TRL divides the error by its 1e-4, so all
    six get the same advantage. Ours are 0 (`assay.algorithms.advantages.TOLERANCE`)."""
    groups = ((1.94,) * 6,)
    _, other = scored(make_trainer, "GRPO", groups, scale_rewards="group")
    assert advantages_of(Grpo(), groups) == [[0.0] * 6]
    assert other["advantages"].abs().min() > 1e-4


def test_rloos_kl_in_the_reward_is_in_trls_baseline_too(policy, make_trainer):
    """TRL takes beta K of a whole response (K the sum of k1) from its reward before the others' mean is made; ours
    takes it from the finished advantage as a return to go, so that a token does not pay for those before it. At a
    response's first token TRL's is ours plus beta times the mean K of the others of its group."""
    groups = ((1.0, 0.0, 0.0, 1.0), (0.5, 0.25, 0.0, 1.0))
    trainer, other = scored(make_trainer, "RLOO", groups, moved=0.1, beta=0.3)
    algorithm = Rloo(kl_coef=0.3, kl_in="reward", kl_estimator="k1")
    samples, prompt = [], int(other["prompt_ids"].shape[1])
    for row, advantage in enumerate(torch.tensor(advantages_of(algorithm, groups)).flatten().tolist()):
        response = other["completion_ids"][row, : RESPONSES[row]]
        ids = torch.cat([other["prompt_ids"][row], response]).numpy().astype(np.int32)
        mask = np.arange(len(ids)) >= prompt
        samples.append(replace(sample(row), token_ids=ids, mask=mask, logprobs=0 * ids, advantage=advantage))
    batch = replace(collate(samples), kl_coef=0.3)
    moved = make_policy(trainer.model, policy.tokenizer, "moved", "1")
    with torch.no_grad():
        old_BT, reference_BT = (token_stats(each, batch, TEMPERATURE).logprobs_BT for each in (moved, policy))
    k1_G = k1(old_BT, reference_BT).sum(dim=1).reshape(2, 4)
    others_G = (k1_G.sum(dim=1, keepdim=True) - k1_G) / 3
    batch = algorithm.token_advantages(replace(batch, old_BT=old_BT, reference_BT=reference_BT))
    first = batch.advantages_BT[:, prompt]
    difference = largest(first + 0.3 * others_G.flatten(), other)
    assert difference < TOLERANCE, f"largest difference: {difference:.1e}"
    assert largest(first, other) > 1e-2


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_distillation_over_the_vocabulary(trl, folder, policy, beta):
    """GKD's loss from both models' full logits, a mean over tokens: ours with `aggregation` token.

    TRL's mean is over all tokens of an update where it is told their number, as here.
    """
    gkd = pytest.importorskip("trl.experimental.gkd")
    batch = collate([sample(row) for row in ROWS])
    student, teacher = (AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64) for _ in range(2))
    with torch.no_grad():
        for weight in teacher.parameters():
            weight.mul_(1.1)
    other = make_policy(teacher, policy.tokenizer, "teacher", "0")
    algorithm = Distillation(form="vocabulary", beta=beta)
    policy.model.zero_grad(set_to_none=True)
    term = algorithm.loss(token_stats(policy, batch, TEMPERATURE, Wanted(reference=other, beta=beta)), batch)
    ours = aggregate.reduce("token", term.value_BT, batch, aggregate.denominator("token", batch, LIMIT))
    ours.backward()

    states = [model(input_ids=batch.token_ids_BT).logits[:, :-1] for model in (student, teacher)]
    labels_BT = torch.where(batch.mask_BT, batch.token_ids_BT, -100)[:, 1:]
    theirs = gkd.GKDTrainer.generalized_jsd_loss(
        states[0], states[1].detach(), labels_BT, beta, TEMPERATURE, num_items_in_batch=int(batch.mask_BT.sum())
    )
    theirs.backward()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-10)
    pairs = list(zip(policy.model.parameters(), student.parameters(), strict=True))
    assert max(float(b.grad.abs().max()) for _, b in pairs) > 1e-3
    assert max(float((a.grad - b.grad).abs().max()) for a, b in pairs) < 1e-10
