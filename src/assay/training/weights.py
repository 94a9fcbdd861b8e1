"""The weights that a run trains: how they are loaded, stored and saved (docs/storage.md)."""

from safetensors.torch import save_file

from assay.files import replacing, restore_directory
from assay.policies.adapters import add_adapter, merge_adapter, save_adapter
from assay.policies.load import Policy, load_policy
from assay.policies.save import save_policy
from assay.recipe import PolicyTable, derive_seed
from assay.store import Run
from assay.training.optimizer import MasterOptimizer


def load_trained(table: PolicyTable, seed: int) -> Policy:
    """The policy that a run begins with: its base, rounded to what it is stored in, with new adapters where asked for.

    Raises ModelError.
    """
    policy = load_policy(table.base, table.device, table.dtype, table.storage)
    if table.lora is not None:
        add_adapter(policy.model, table.base, table.lora, derive_seed(seed, "lora"))
    return policy


def save_trained(run: Run, policy: Policy, optimizer: MasterOptimizer, table: PolicyTable) -> None:
    """Writes RUN/model, a plain model in the dtype that it is stored in; RUN/masters.safetensors where the masters are
    not the weights themselves; RUN/adapter where there is one, which is then merged into the policy."""
    if masters := optimizer.separate_masters:
        with replacing(run.masters) as temporary:
            save_file(masters, temporary, {"format": "pt"})
    if table.lora is not None:
        save_adapter(policy.model, run.adapter)
        merge_adapter(policy.model)
    save_policy(policy, run.model, table.storage)


def restore_saved(run: Run) -> None:
    """Undoes what a kill cut in two."""
    restore_directory(run.model)
    restore_directory(run.adapter)
