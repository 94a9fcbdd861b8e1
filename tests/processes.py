"""What tests see of processes."""

from pathlib import Path


def is_alive(pid: int) -> bool:
    """A process that has ended and waits to be buried is not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
