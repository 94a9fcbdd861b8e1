"""Algorithms: advantage x surrogate x aggregation, each in a file of its own and tested alone (docs/algorithms.md)."""

ALGORITHMS = {
    "reinforce": "assay.algorithms.reinforce:Reinforce",
    "reinforce++": "assay.algorithms.reinforce_pp:ReinforcePlusPlus",
    "rloo": "assay.algorithms.rloo:Rloo",
    "grpo": "assay.algorithms.grpo:Grpo",
    "dr-grpo": "assay.algorithms.dr_grpo:DrGrpo",
    "dapo": "assay.algorithms.dapo:Dapo",
    "prorl": "assay.algorithms.prorl:ProRl",
    "gspo": "assay.algorithms.gspo:Gspo",
    "cispo": "assay.algorithms.cispo:Cispo",
    "ppo": "assay.algorithms.ppo:Ppo",
    "pass-at-k": "assay.algorithms.pass_at_k:PassAtK",
    "nsr": "assay.algorithms.nsr:Nsr",
    "w-reinforce": "assay.algorithms.w_reinforce:WReinforce",
    "unlikeliness": "assay.algorithms.unlikeliness:Unlikeliness",
    "clip-cov": "assay.algorithms.clip_cov:ClipCov",
    "kl-cov": "assay.algorithms.kl_cov:KlCov",
    "process": "assay.algorithms.process:Process",
    "vineppo": "assay.algorithms.vineppo:VinePpo",
    "distillation": "assay.algorithms.distillation:Distillation",
}
