"""The engine: prompts and a policy in, samples out.

    engine = Engine(policy)
    groups = engine.generate(prompts, members=16, sampling=Sampling(temperature=1.0, max_new_tokens=128))

It reads the policy's weights as they are at each step, so a trainer may change them in place between calls.
"""

from collections.abc import Callable, Iterator, Sequence

from assay.errors import ModelError, RecipeError
from assay.files import ignore
from assay.policies.load import Policy
from assay.policies.templates import render
from assay.rollout.blocks import BLOCK_TOKENS, BlockPool
from assay.rollout.decoding import Decoding, Finished
from assay.rollout.fallback import generate_with_transformers
from assay.rollout.forward import forward_policy
from assay.rollout.memory import kv_budget
from assay.rollout.row_counts import RowCounts
from assay.rollout.serving import Serving, examine
from assay.rollout.slots import Request
from assay.rollout.stops import Endings
from assay.rollout.uniforms import Uniforms
from assay.rollout.writing import Writer
from assay.types import Group, Prompt, Sample, Sampling

Members = int | Sequence[tuple[int, int]]


class Engine:
    """Samples from one policy, at most `slots` responses at once.

    In float32 on a CPU a sample's tokens and log-probabilities are the same bits whatever else is sampled with it, in
    how many slots, and in which order (`invariant` says whether this machine keeps that promise). Elsewhere
    `assay.rollout.divergence` measures what batching changes. `kv_bytes` bounds the memory for keys and values; where
    they do not fit, fewer slots are used. `fallback` says why a model is sampled by transformers' generate instead.
    """

    def __init__(self, policy: Policy, slots: int = 1024, kv_bytes: int | None = None) -> None:
        self.policy, self.slots, self.kv_bytes = policy, slots, kv_bytes
        self.forward = forward_policy(policy)  # the policy as the engine runs it
        self.row_counts = RowCounts(self.forward)
        self.notes: list[str] = []
        self._serving: Serving | None = None
        self._may_be_short = True
        self._pool: BlockPool | None = None
        self._pool_is_all = False  # all that the memory affords
        self._endings: dict[tuple[str, ...], Endings] = {}

    def generate(
        self,
        prompts: Sequence[Prompt],
        members: Members,
        sampling: Sampling,
        template: str = "auto",
        advance: Callable[[int], None] = ignore,
        group_ids: Sequence[int] | None = None,
        prefixes: Sequence[Sequence[int]] | None = None,
    ) -> list[Group]:
        """A group for each prompt, in order, with its members in order.

        `members` is how many samples each prompt gets, or pairs of (prompt index, member). `advance` is called with
        the number of samples that finished. Groups are numbered from 0 unless `group_ids` names them. `prefixes` are
        token ids with which the responses to each prompt begin; they are in a sample's ids and text, not in its mask,
        and count in its length limit.
        """
        samples: list[list[Sample]] = [[] for _ in prompts]
        for index, sample in self.stream(prompts, members, sampling, template, group_ids, prefixes):
            samples[index].append(sample)
            advance(1)
        pairs = zip(prompts, samples, strict=True)
        return [Group(prompt, tuple(sorted(each, key=lambda sample: sample.member))) for prompt, each in pairs]

    def stream(
        self,
        prompts: Sequence[Prompt],
        members: Members,
        sampling: Sampling,
        template: str = "auto",
        group_ids: Sequence[int] | None = None,
        prefixes: Sequence[Sequence[int]] | None = None,
    ) -> Iterator[tuple[int, Sample]]:
        """(prompt index, sample) for each sample as it finishes."""
        check_sampling(sampling)
        self._look_again()
        begun = [[] for _ in prompts] if prefixes is None else [list(prefix) for prefix in prefixes]
        rendered = [render(prompt, self.policy.tokenizer, template)[1] for prompt in prompts]
        ids = [prompt + prefix for prompt, prefix in zip(rendered, begun, strict=True)]
        requests = self._requests(prompts, ids, members, sampling, list(map(len, begun)))
        if not requests:
            return
        groups = range(len(prompts)) if group_ids is None else group_ids
        writer = Writer(self.policy, self._ending(sampling.stop), rendered, begun, groups, sampling)
        for finished in self._run(ids, requests, sampling):
            yield from writer.samples(finished)

    @property
    def fallback(self) -> str | None:
        """Why this model is sampled by `generate` instead; None where the engine serves it."""
        return self.serving.refusal

    @property
    def invariant(self) -> bool:
        """Whether a sample is the same bits in any batch, as far as found so far."""
        return self.row_counts.invariant and self.fallback is None

    @property
    def serving(self) -> Serving:
        """What a look at the model found, once."""
        if self._serving is None:
            self._serving = examine(self.forward, self.row_counts)
            if self._serving.refusal and self.forward is not self.policy:  # the model's own modules may still do
                self._may_be_short = False
                self._look_again()
                self._serving = examine(self.forward, self.row_counts)
            if self._serving.refusal:
                self.notes.append(f"{self.policy.name} is sampled by transformers' generate: {self._serving.refusal}")
        return self._serving

    def release(self) -> None:
        """Gives the memory for keys and values back."""
        self._pool = None

    def _look_again(self) -> None:
        """Takes note of a model that was adapted, and of a new version of its weights."""
        forward = forward_policy(self.policy) if self._may_be_short else self.policy
        if type(forward) is not type(self.forward):
            self.row_counts, self._serving = RowCounts(forward), None
        self.forward = forward

    def _run(self, prompts: list[list[int]], requests: list[Request], sampling: Sampling) -> Iterator[list[Finished]]:
        endings = self._ending(sampling.stop)
        if self.fallback is not None:
            yield from generate_with_transformers(self.policy, prompts, requests, sampling, endings, self.slots)
            return
        slots, pool = self._memory(prompts, requests)
        self._pool = None  # a second stream beside this one gets a pool of its own
        try:
            decoding = Decoding(self.forward, pool, self.row_counts, prompts, requests, sampling, endings, slots)
            yield from decoding.run()
        finally:
            pool.give_all()
            self._pool = pool

    def _memory(self, prompts: list[list[int]], requests: list[Request]) -> tuple[int, BlockPool]:
        """How many slots, and blocks for all of them, in the memory that is there."""
        longest = max(len(prompts[request.prompt]) + request.limit for request in requests)
        blocks_each = -(-longest // BLOCK_TOKENS)
        wanted = min(self.slots, len(requests)) * blocks_each + 1
        if self._pool is None or (len(self._pool) < wanted and not self._pool_is_all):
            self._pool = None
            budget = self.kv_bytes or kv_budget(self.policy.device)
            block_bytes = sum(layer.block_numbers for layer in self.serving.layers) * self.policy.dtype.itemsize
            affordable = int(budget // block_bytes) + 1
            self._pool_is_all = affordable < wanted
            self._pool = BlockPool(self.serving.layers, min(wanted, affordable), self.policy.dtype, self.policy.device)
        slots = min(self.slots, len(requests), (len(self._pool) - 1) // blocks_each)
        if slots < 1:
            raise ModelError(
                f"{self.policy.name}: keys and values of one sample of {longest} tokens do not fit in memory; "
                "lower max_new_tokens"
            )
        return slots, self._pool

    def _requests(
        self, prompts: Sequence[Prompt], ids: list[list[int]], members: Members, sampling: Sampling, begun: list[int]
    ) -> list[Request]:
        pairs = [(i, m) for i in range(len(prompts)) for m in range(members)] if isinstance(members, int) else members
        seen: dict[tuple[str, str], int] = {}
        occurrences = []
        for prompt in prompts:
            key = (prompt.task, prompt.problem)
            occurrences.append(seen.get(key, 0))
            seen[key] = occurrences[-1] + 1
        asked = sorted({index for index, _ in pairs})
        limits = {
            index: self._limit(prompts[index], ids[index], sampling.max_new_tokens - begun[index]) for index in asked
        }
        requests = []
        for index, member in sorted(pairs, key=lambda pair: pair[0]):
            uniforms = Uniforms(sampling.seed, prompts[index].problem, member, occurrences[index])
            requests.append(Request(index, member, limits[index], uniforms))
        return requests

    def _limit(self, prompt: Prompt, ids: list[int], wanted: int) -> int:
        """Tokens that a response may still have: as asked for, or what the model's positions leave."""
        assert wanted > 0, "a prefix leaves room for a token"
        positions = self.policy.max_positions
        if positions is None or len(ids) + wanted <= positions:
            return wanted
        if len(ids) >= positions:
            raise ModelError(
                f"{self.policy.name}: problem {prompt.problem!r} has {len(ids)} tokens but the model only {positions} "
                "positions; leave such problems out or take another model"
            )
        note = f"{self.policy.name} has {positions} positions: some responses end before max_new_tokens is reached"
        if note not in self.notes:
            self.notes.append(note)
        return positions - len(ids)

    def _ending(self, strings: tuple[str, ...]) -> Endings:
        if strings not in self._endings:
            self._endings[strings] = Endings(self.policy, strings)
        return self._endings[strings]


def check_sampling(sampling: Sampling) -> None:
    """Raises RecipeError for what cannot be sampled."""
    rules = (
        ("temperature", sampling.temperature >= 0, "0 or more"),
        ("top_p", 0 < sampling.top_p <= 1, "above 0 and at most 1"),
        ("top_k", sampling.top_k >= 0, "0 (off) or more"),
        ("max_new_tokens", sampling.max_new_tokens >= 1, "1 or more"),
        ("stop", all(sampling.stop), "strings that are not empty"),
    )
    for name, holds, expected in rules:
        if not holds:
            raise RecipeError(f"sampling: {name} must be {expected}, got {getattr(sampling, name)!r}")
