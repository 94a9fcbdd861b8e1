"""Programs that speak for the harness: by ending the process, by writing to the channel, by patching what answers."""

from arena import Attack

ENDING = {
    "exit_status": Attack("import sys\ndef f(n): sys.exit(0)", plain="exit"),
    "exit_at_once": Attack("import os\ndef f(n): os._exit(0)", plain="exit"),
    "exit_while_loading": Attack("import os\nos._exit(0)", plain="exit"),
    "exit_of_atexit": Attack("""
import atexit, os
atexit.register(os._exit, 0)
def f(n): return 0
""", plain="exit"),
    "exit_of_excepthook": Attack("""
import os, sys
sys.excepthook = lambda *error: os._exit(0)
def f(n): return 0
""", plain="exit"),
    "exit_of_a_thread": Attack("""
import os, threading, time
def f(n):
    threading.Thread(target=os._exit, args=(0,)).start()
    time.sleep(1)
""", plain="exit"),
    "exit_of_a_signal": Attack("""
import os, signal, time
signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
signal.setitimer(signal.ITIMER_REAL, 0.05)
def f(n): time.sleep(1)
""", plain="exit"),
    "exit_of_a_destructor": Attack("""
import os
class Last:
    def __del__(self): os._exit(0)
last = Last()
def f(n): return 0
""", plain="exit"),
    "exec_of_another_program": Attack("""
import os, sys
def f(n): os.execv(sys.executable, [sys.executable, "-S", "-c", ""])
""", plain="exit"),
    "passed_on_every_descriptor": Attack("""
import os
for descriptor in range(32):
    try:
        os.write(descriptor, b"passed\\n")
    except OSError:
        pass
os._exit(0)
"""),
    "end_on_every_descriptor": Attack("""
import os, struct
for descriptor in range(64):
    try:
        os.write(descriptor, struct.pack("!?id?", True, 0, 0.0, False) * 9)
    except OSError:
        pass
def f(n): return 0
""", plain=None),
    "passed_printed": Attack("""
print("passed", flush=True)
def f(n): return 0
"""),
}  # fmt: skip

ANSWERING = {
    "answer_with_code": """answer(b"__import__('os').mkdir('/tmp/assay_attack')")""",
    "answer_of_an_object": """answer(b"('value', ('object', 1))")""",
    "answer_without_value": """answer(b"('value',)")""",
    "answer_of_numbers_only": """answer(b"1")""",
    "answer_with_unhashable_keys": """answer(b"('value', ('dict', [(('list', []), ('v', 1))]))")""",
    "answer_not_utf8": """answer(bytes(range(128, 256)))""",
    "answer_of_brackets": """answer(b"[" * 20_000 + b"]" * 20_000)""",
    "answer_of_signs": """answer(b"('value', ('v', " + b"-" * 60_000 + b"1))")""",
    "answer_of_sums": """answer(b"('value', ('v', 1" + b"+1j" * 30_000 + b"))")""",
    "answer_of_open_quotes": """answer(b"('value', ('v', '" + b"\\\\'" * 50_000)""",
    "answer_of_one_long_number": """answer(b"('value', ('v', " + b"9" * 100_000 + b"))")""",
    "answer_of_an_endless_range": """answer(b"('value', ('range', (0, " + b"9" * 4000 + b", 1)))")""",
    "answer_of_colliding_keys": """
answer(b"('value', ('set', [" + b", ".join(b"('v', %d)" % (k * (2**61 - 1)) for k in range(1, 4000)) + b"]))")""",
    "answer_of_four_gibibytes": """write(b"\\xff\\xff\\xff\\xff" + b"1" * 60_000)""",
    "answer_begun_and_not_ended": """write(b"\\0\\0"); import time; time.sleep(9)""",
    "answer_in_drops": """
import time
write(b"\\0\\1\\0\\0")
while True:
    write(b"1"); time.sleep(0.01)""",
    "answers_before_the_questions": """
for _ in range(100): answer(b"('value', ('v', 48271))")""",
}
"""What a program does that has found the descriptor of its answers. Such a channel is only here: nothing to compare."""

WRITER = """
import os, struct
def write(data):
    while data:
        data = data[os.write(4, data):]
def answer(data): write(struct.pack("!I", len(data)) + data)
def f(n): return 0
"""
PATCHING = {
    "encode_patched": Attack("""
import sys
sys.modules["__main__"].encode = lambda value: ("v", True)
def f(n): return 0
""", plain=None),
    "send_patched": Attack("""
import sys
main = sys.modules["__main__"]
send = main.send
main.send = lambda descriptor, text, largest: [send(descriptor, repr(("value", ("v", 48271))), 99) for _ in range(9)]
def f(n): return 0
""", plain=None),
    "repr_patched": Attack("""
import builtins
builtins.repr = lambda value: "('value', ('v', 48271))"
def f(n): return 0
""", plain=None),
    "type_patched": Attack("""
import builtins
builtins.type = lambda value: int
class Yes(int):
    def __eq__(self, other): return True
    def __repr__(self): return "0 or print(1)"
def f(n): return Yes()
"""),
    "write_patched": Attack("""
import os
write = os.write
os.write = lambda descriptor, data: write(descriptor, data[::-1])
def f(n): return 0
""", plain=None),
    "pack_patched": Attack("""
import struct
struct.pack = lambda *values: b"\\0\\0\\0\\1"
def f(n): return 0
""", plain=None),
    "name_of_an_exception": Attack("""
class Meta(type):
    __name__ = property(lambda cls: 48271)
class Bad(Exception, metaclass=Meta): pass
def f(n): raise Bad
""", plain=None),
    "standard_streams_closed": Attack("""
import os
for descriptor in range(64):
    try:
        os.close(descriptor)
    except OSError:
        pass
def f(n): return 0
""", plain=None),
}  # fmt: skip
ATTACKS = {
    **ENDING,
    **{name: Attack(WRITER + each, plain=None) for name, each in ANSWERING.items()},
    **PATCHING,
}


def test_attack_exit_status(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_exit_at_once(attack):
    assert attack.plain == "passed" and attack.ours == "killed"


def test_attack_exit_while_loading(attack):
    assert attack.plain == "passed" and attack.ours == "killed"


def test_attack_exit_of_atexit(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_exit_of_excepthook(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_exit_of_a_thread(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_exit_of_a_signal(attack):
    assert attack.plain == "passed" and attack.ours == "killed"


def test_attack_exit_of_a_destructor(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_exec_of_another_program(attack):
    assert attack.plain == "passed" and attack.ours == "killed"


def test_attack_passed_on_every_descriptor(attack):
    assert attack.plain == "passed" and attack.ours == "killed"


def test_attack_end_on_every_descriptor(attack):
    """What the nursery says of an end, said by the program."""
    assert attack.ours == "killed"


def test_attack_passed_printed(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_answer_with_code(attack):
    assert attack.ours == "killed"


def test_attack_answer_of_an_object(attack):
    assert attack.ours == "killed"


def test_attack_answer_without_value(attack):
    assert attack.ours == "killed"


def test_attack_answer_of_numbers_only(attack):
    assert attack.ours == "killed"


def test_attack_answer_with_unhashable_keys(attack):
    assert attack.ours == "killed"


def test_attack_answer_not_utf8(attack):
    assert attack.ours == "killed"


def test_attack_answer_of_brackets(attack):
    assert attack.ours == "killed"


def test_attack_answer_of_signs(attack):
    assert attack.ours == "killed"


def test_attack_answer_of_sums(attack):
    assert attack.ours == "killed"


def test_attack_answer_of_open_quotes(attack):
    assert attack.ours == "killed"


def test_attack_answer_of_one_long_number(attack):
    assert attack.ours == "killed"


def test_attack_answer_of_an_endless_range(attack):
    assert attack.ours == "killed"


def test_attack_answer_of_colliding_keys(attack):
    assert attack.ours == "wrong"


def test_attack_answer_of_four_gibibytes(attack):
    assert attack.ours == "killed"


def test_attack_answer_begun_and_not_ended(attack):
    assert attack.ours == "timeout"


def test_attack_answer_in_drops(attack):
    assert attack.ours == "timeout"


def test_attack_answers_before_the_questions(attack):
    assert attack.ours == "wrong"


def test_attack_encode_patched(attack):
    assert attack.ours == "wrong"


def test_attack_send_patched(attack):
    assert attack.ours == "wrong"


def test_attack_repr_patched(attack):
    assert attack.ours == "wrong"


def test_attack_type_patched(attack):
    assert attack.plain == "passed" and attack.ours == "killed"


def test_attack_write_patched(attack):
    assert attack.ours == "killed"


def test_attack_pack_patched(attack):
    assert attack.ours == "killed"


def test_attack_name_of_an_exception(attack):
    assert attack.ours == "killed"


def test_attack_standard_streams_closed(attack):
    assert attack.ours == "killed"
