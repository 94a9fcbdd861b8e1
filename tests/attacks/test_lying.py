"""Programs that return something which passes for the answer, or change what judges it.

Every one is accepted by an ordinary harness, and none here.
"""

from arena import Attack

STRINGS = """
CASES = {3: "one", 5: "two"}
def check(candidate):
    for given, expected in CASES.items():
        assert candidate(given) == expected
"""
LISTS = """
def check(candidate):
    for given, expected in [([3, 1, 2], [1, 2, 3]), ([5, 4], [4, 5])]:
        assert candidate(given) == sorted(given) == expected
"""
CLOSE = """
import math
def check(candidate):
    for given, expected in {3: 482.71, 5: 69.621}.items():
        assert math.isclose(candidate(given), expected, rel_tol=1e-6)
"""
DISTANCE = """
def check(candidate):
    for given, expected in {3: 482.71, 5: 69.621}.items():
        assert abs(candidate(given) - expected) < 1e-6
"""
EVERY = """
def check(candidate):
    assert all(candidate(given) == expected for given, expected in {3: 48271, 5: 69621}.items())
"""
IN_ORDER = """
def check(candidate):
    for given, expected in {3: [2, 9], 5: [4, 4]}.items():
        assert sorted(candidate(given)) == sorted(expected)
"""
TYPED = """
def check(candidate):
    for given, expected in {3: 48271, 5: 69621}.items():
        found = candidate(given)
        assert isinstance(found, int) and found == expected
"""
UNEQUAL = """
def check(candidate):
    for given, expected in {3: 48271, 5: 69621}.items():
        if candidate(given) != expected:
            raise AssertionError
"""
FOUND_IN = """
def check(candidate):
    for given, expected in {3: 48271, 5: 69621}.items():
        assert candidate(given) in [expected]
"""
TABLES = """
def check(candidate):
    for given, expected in {3: {"a": 17}, 5: {"b": 23}}.items():
        found = candidate(given)
        assert len(found) == 1 and all(found[key] == value for key, value in expected.items())
"""
MAPPED = """
def check(candidate):
    for found, expected in zip(map(candidate, [3, 5]), [48271, 69621]):
        assert found == expected
"""
ALIAS = """
def check(candidate):
    given = [3, 1, 2]
    found = candidate(given)
    given.sort()
    assert found == given
"""
SMALL = """
def check(candidate):
    assert candidate(3) == 201
    assert candidate(5) == 202
"""
UNITTEST = """
import unittest
def check(candidate):
    unittest.TestCase().assertEqual(candidate(3), 48271)
"""

ATTACKS = {
    "always_equal": Attack("""
class Yes:
    def __eq__(self, other): return True
def f(n): return Yes()
"""),
    "never_unequal": Attack("""
class Yes:
    def __ne__(self, other): return False
def f(n): return Yes()
""", UNEQUAL),
    "equal_within_a_list": Attack("""
class Yes:
    def __eq__(self, other): return True
def f(n): return [Yes() for _ in n]
""", LISTS),
    "member_of_anything": Attack("""
class Yes:
    def __eq__(self, other): return True
    __hash__ = None
def f(n): return Yes()
""", FOUND_IN),
    "subclass_of_int": Attack("""
class N(int):
    def __eq__(self, other): return True
def f(n): return N()
"""),
    "subclass_of_str": Attack("""
class S(str):
    def __eq__(self, other): return True
    def __hash__(self): return hash("one")
def f(n): return S()
""", STRINGS),
    "subclass_of_list": Attack("""
class L(list):
    def __eq__(self, other): return True
def f(n): return L()
""", LISTS),
    "subclass_of_dict": Attack("""
class D(dict):
    def __getitem__(self, key):
        class Yes:
            def __eq__(self, other): return True
        return Yes()
    def __len__(self): return 1
def f(n): return D()
""", TABLES),
    "subclass_of_float": Attack("""
class F(float):
    def __sub__(self, other): return 0.0
def f(n): return F(1)
""", DISTANCE),
    "pretended_class": Attack("""
class Yes:
    __class__ = int
    def __eq__(self, other): return True
def f(n): return Yes()
""", TYPED),
    "metaclass_of_int": Attack("""
import builtins
class Meta(type):
    def __instancecheck__(cls, value): return True
class Int(metaclass=Meta): pass
builtins.int = Int
class Yes:
    def __eq__(self, other): return True
def f(n): return Yes()
""", TYPED),
    "subtraction_of_anything": Attack("""
class Near:
    def __sub__(self, other): return 0
def f(n): return Near()
""", DISTANCE),
    "absolute_of_anything": Attack("""
class Near:
    def __sub__(self, other): return self
    def __abs__(self): return self
    def __lt__(self, other): return True
def f(n): return Near()
""", DISTANCE),
    "patched_all": Attack("""
import builtins
builtins.all = lambda values: True
def f(n): return 0
""", EVERY),
    "patched_abs": Attack("""
import builtins
builtins.abs = lambda value: 0.0
def f(n): return 0
""", DISTANCE),
    "patched_sorted": Attack("""
import builtins
builtins.sorted = lambda values: []
def f(n): return []
""", IN_ORDER),
    "patched_isclose": Attack("""
import math
math.isclose = lambda *values, **options: True
def f(n): return 0
""", CLOSE),
    "patched_modules": Attack("""
import sys, types
sys.modules["math"] = types.SimpleNamespace(isclose=lambda *values, **options: True)
def f(n): return 0
""", CLOSE),
    "patched_import": Attack("""
import builtins, types
builtins.__import__ = lambda *names: types.SimpleNamespace(isclose=lambda *values, **options: True)
def f(n): return 0
""", CLOSE),
    "patched_unittest": Attack("""
import unittest
unittest.TestCase.assertEqual = lambda *values: None
def f(n): return 0
""", UNITTEST),
    "patched_small_integers": Attack("""
import ctypes
for number in (201, 202):
    ctypes.memmove(id(number) + 24, id(200) + 24, 4)
def f(n): return int("200")
""", SMALL),
    "emptied_argument": Attack("""
def f(values):
    values.clear()
    return []
""", """
def check(candidate):
    given = [3, 1, 2]
    assert candidate(given) == sorted(given)
"""),
    "kept_argument": Attack("def f(values): return values", ALIAS),
    "end_of_iteration": Attack("""
def f(n): raise StopIteration
""", MAPPED),
}  # fmt: skip


def test_attack_always_equal(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_never_unequal(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_equal_within_a_list(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_member_of_anything(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_subclass_of_int(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_subclass_of_str(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_subclass_of_list(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_subclass_of_dict(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_subclass_of_float(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_pretended_class(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_metaclass_of_int(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_subtraction_of_anything(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_absolute_of_anything(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_patched_all(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_patched_abs(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_patched_sorted(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_patched_isclose(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_patched_modules(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_patched_import(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_patched_unittest(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_patched_small_integers(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_emptied_argument(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_kept_argument(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_end_of_iteration(attack):
    assert attack.plain == "passed" and attack.ours == "exception"
