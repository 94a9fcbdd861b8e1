"""What the workers of these tests run."""

import os
import signal
import time


def mixed(item):
    """Doubles a number; a word says what to do instead."""
    if isinstance(item, int):
        return {"double": 2 * item, "pid": os.getpid()}
    match item:
        case "hang":
            while True:
                time.sleep(1)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "memory":
            return len(bytearray(1 << 33))
        case "growing memory":
            hog = []
            while True:
                hog.append(bytearray(1 << 24))
        case "exit":
            raise SystemExit(3)
        case "not json":
            return {1, 2}
        case "nan":
            return float("nan")
        case "deep":
            return mixed_deep(0)
        case "print":
            print("a grader that prints")
            return None
    raise ValueError(f"no such item: {item}")


def mixed_deep(depth):
    return mixed_deep(depth + 1)
