"""What a tensor's name says: the layer it is of, and what kind of matrix it is."""

import re

KINDS = ("embedding", "q", "k", "v", "o", "gate", "up", "down", "norm", "head", "other")
"""In the order in which a token meets them."""
LAYER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")
WORDS = {
    "norm": r"\w*norm\w*|ln_\w+|ln\d*",
    "embedding": r"embed_tokens|embed_in|\w*embeddings?|wte|wpe|embed_positions",
    "head": r"lm_head|embed_out|score|v_head",
    "q": r"q_proj|query|wq",
    "k": r"k_proj|key|wk",
    "v": r"v_proj|value|wv",
    "o": r"o_proj|out_proj|wo|attn\.c_proj|attention\.dense|self_attention\.dense",
    "gate": r"gate_proj|w1",
    "up": r"up_proj|fc1|c_fc|fc_in|dense_h_to_4h|w3",
    "down": r"down_proj|fc2|mlp\.c_proj|fc_out|dense_4h_to_h|w2",
}
"""Kind -> the parts of a name that say so; the first kind that fits is taken."""
PATTERNS = {kind: re.compile(rf"(?:^|\.)(?:{words})(?:\.|$)") for kind, words in WORDS.items()}


def layer_of(name: str) -> int | None:
    """The number of the layer in a tensor's name; None for what is of no layer."""
    found = LAYER.search(name)
    return int(found.group(1)) if found else None


def kind_of(name: str) -> str:
    """One of `KINDS`; matrices that hold several (a fused q, k and v) and all that is not known are "other"."""
    return next((kind for kind, pattern in PATTERNS.items() if pattern.search(name)), "other")
