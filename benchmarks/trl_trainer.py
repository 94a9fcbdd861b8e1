"""TRL's GRPOTrainer on Assay's tasks, with nothing that costs time beside generation and updates."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback

from assay.policies.references import find_model
from assay.rewards.binary import worth
from assay.tasks import make_task
from assay.tasks.drawing import PromptDeck

try:
    import trl
    from datasets import Dataset
except ImportError:
    trl = None

MISSING = "TRL, to compare with, is not installed; get it with: pip install -c constraints.txt -e '.[bench]'"
Setting = argparse.Namespace
"""What `models.make_setting` makes of the options."""


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
        output_dir=str(folder), use_cpu=setting.device == "cpu", bf16=False, gradient_checkpointing=False,
        per_device_train_batch_size=micro_batch, gradient_accumulation_steps=accumulation,
        steps_per_generation=accumulation * setting.updates, num_iterations=1, max_steps=steps * setting.updates,
        num_generations=setting.group, max_completion_length=setting.limit, temperature=1.0, shuffle_dataset=False,
        loss_type="grpo", scale_rewards="group", epsilon=0.2, beta=0.0, learning_rate=setting.learning_rate,
        lr_scheduler_type="constant", weight_decay=0.0, max_grad_norm=1.0, save_strategy="no", report_to="none",
        disable_tqdm=True, **{"logging_strategy": "no"} | options,
    )  # fmt: skip
    source = find_model(setting.base).source
    model = AutoModelForCausalLM.from_pretrained(source, dtype=getattr(torch, setting.dtype))
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
