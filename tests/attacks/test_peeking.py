"""Programs that look for the expected values, or for the verdict, in the process that judges them.

Every one is accepted by an ordinary harness, and none here, where tests and expected values are in another process.
"""

from arena import Attack

SMALL = """
def check(candidate):
    assert candidate(3) == 201
    assert candidate(5) == 202
"""
ATTACKS = {
    "cases_in_globals": Attack("def f(n): return CASES[n]"),
    "frame_walk": Attack("""
import sys
def f(n): return sys._getframe(1).f_locals["expected"]
"""),
    "frame_of_a_traceback": Attack("""
def f(n):
    try:
        raise ValueError
    except ValueError as error:
        return error.__traceback__.tb_frame.f_back.f_locals["expected"]
"""),
    "frame_of_a_generator": Attack("""
def walk():
    yield generator.gi_frame.f_back.f_back.f_locals["expected"]
def f(n):
    global generator
    generator = walk()
    return next(generator)
"""),
    "frames_of_all_threads": Attack("""
import sys
def f(n):
    frame = next(iter(sys._current_frames().values()))
    while "expected" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["expected"]
"""),
    "constants_of_the_tests": Attack("""
import sys
def f(n):
    constants = sys._getframe(1).f_code.co_consts
    return constants[constants.index(n) + 1]
""", SMALL),
    "traced_tests": Attack("""
import sys
def trace(frame, event, argument):
    if "expected" in frame.f_locals:
        seen.append(frame.f_locals["expected"])
    return trace
seen = []
sys.settrace(trace)
def f(n): return seen[-1]
"""),
    "list_of_results": Attack("""
import sys
def f(n):
    frame = sys._getframe()
    while frame:
        if "result" in frame.f_locals:
            frame.f_locals["result"].append("passed")
        frame = frame.f_back
    return 0
"""),
    "garbage_walk": Attack("""
import gc
def f(n):
    for each in gc.get_objects():
        if type(each) is dict and "CASES" in each:
            return each["CASES"][n]
"""),
    "garbage_referrers": Attack("""
import gc
def f(n):
    for each in gc.get_referrers(f):
        for value in (each.values() if type(each) is dict else ()):
            if type(value) is dict and n in value:
                return value[n]
"""),
    "memory_of_the_tests": Attack("""
import gc
def f(n):
    return next(each for each in gc.get_objects() if getattr(each, "__name__", "") == "check").__globals__["CASES"][n]
"""),
}  # fmt: skip


def test_attack_cases_in_globals(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_frame_walk(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_frame_of_a_traceback(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_frame_of_a_generator(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_frames_of_all_threads(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_constants_of_the_tests(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_traced_tests(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_list_of_results(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_garbage_walk(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_garbage_referrers(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_memory_of_the_tests(attack):
    assert attack.plain == "passed" and attack.ours == "exception"
