"""How much memory keys and values may take."""

import os
import resource

import torch

GPU_SHARE = 0.7
CPU_SHARE = 0.5


def kv_budget(device: torch.device) -> float:
    """Bytes: a share of what is free on the device now, or of what this process may take where that is less.

    On a CPU only what is written is really taken.
    """
    if device.type == "cuda":
        return GPU_SHARE * torch.cuda.mem_get_info(device)[0]
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not every system tells
        return 4e9
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return CPU_SHARE * (free if limit == resource.RLIM_INFINITY else min(free, limit))
