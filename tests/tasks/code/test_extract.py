"""Which program a response gives: the rule of docs/code.md, case by case."""

import time

import pytest

from assay.tasks.code.extract import parsed, program_of

HEAD = 'from typing import List\n\n\ndef g(y):\n    return y\n\n\ndef f(x: int) -> int:\n    """ Doc. """\n'
BEFORE = "from typing import List\n\n\ndef g(y):\n    return y\n\n\n\n"
"""What a program that does not continue HEAD gets in front."""

CASES = [
    ("a fenced block", "Sure:\n```python\ndef f(x):\n    return 1\n```\nDone.", "def f(x):\n    return 1\n"),
    ("py, python3 and unmarked are Python", "```py\ndef f(x): return 1\n```", "def f(x): return 1\n"),
    ("tildes", "~~~python\ndef f(x): return 1\n~~~", "def f(x): return 1\n"),
    ("the last that defines", "```\ndef f(x): return 1\n```\n```\ndef f(x): return 2\n```", "def f(x): return 2\n"),
    ("not a later use", "```\ndef f(x): return 1\n```\nUse:\n```python\nf(2)\n```", "def f(x): return 1\n"),
    ("not a later output", "```python\ndef f(x): return 1\n```\n```text\n1\n```", "def f(x): return 1\n"),
    ("an assigned function", "```\nf = lambda x: 1\n```\n```\nprint(f(2))\n```", "f = lambda x: 1\n"),
    ("not a comparison", "```\ndef f(x): return 1\n```\n```\nf == 2\n```", "def f(x): return 1\n"),
    ("another name is another", "```\ndef f(x): return 1\n```\n```\ndef f_too(x): pass\n```", "def f(x): return 1\n"),
    ("the last Python where none defines", "```\ndef h(x): pass\n```\n```\nh(1)\n```\n```sh\nls\n```", "h(1)\n"),
    ("the last block where none is Python", "```sh\nls\n```\n```c\nint f;\n```", "int f;\n"),
    ("a fence within a longer fence", "````\ndef f(x): return '''\n```\n'''\n````", "def f(x): return '''\n```\n'''\n"),
    ("cut off in its fence", "Sure:\n```python\ndef f(x):\n    return 1", None),
    ("a second block is cut off", "```\ndef f(x): return 1\n```\n```\ndef f(x): re", "def f(x): return 1\n"),
    ("a function without fences", "Here:\ndef f(x):\n    return 1\nIt returns 1.", "def f(x):\n    return 1\n"),
    ("with imports", "Ah:\nimport os\nfrom a import b\ndef f(x): 1\n", "import os\nfrom a import b\ndef f(x): 1\n"),
    ("prose that begins like code", "from here on:\nclass of its own\ndef f(x): pass\n", "def f(x): pass\n"),
    ("decorated", "@cache\ndef f(x):\n  return 1\nOr so.\n", "@cache\ndef f(x):\n  return 1\n"),
    ("another function than asked for", "def h(x):\n    return 1\n", None),
    ("only a call", "f(1)\n", None),
    ("prose", "I do not know.", None),
    ("one word", "ok", None),
    ("nothing", "", None),
    ("white space", " \n\t\n", None),
    ("a thought", "<think>```\ndef f(x): return 1\n```", None),
    ("after a thought", "<think>```\ndef f(x): 1\n```</think>\n```\ndef f(x): 2\n```", "def f(x): 2\n"),
    ("a null", "```\ndef f(x): return '\x00'\n```", "def f(x): return '\x00'\n"),
    ("Windows lines", "```python\r\ndef f(x): return 1\r\n```\r\n", "def f(x): return 1\r\n"),
]  # fmt: skip


@pytest.mark.parametrize(("response", "program"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_program_is_read(response: str, program: str | None) -> None:
    assert program_of(response, "f") == program
    assert program_of(response, "f", HEAD) == (None if program is None else BEFORE + program)


@pytest.mark.parametrize(
    ("response", "body"),
    [
        ("    return x\n", "    return x\n"),
        ("\n    return x\n", "\n    return x\n"),
        ("\treturn x", "\treturn x"),
        ("    return x\n\nThis returns x, as asked.\n", "    return x\n\n"),
        ("    return h(x)\n\n\ndef h(x):\n    return x\n", "    return h(x)\n\n\ndef h(x):\n    return x\n"),
        ("    return x\n\n\ndef f_again(x):\n    retu(", "    return x\n\n\n"),
        ("    return x\n```\n\nIt returns x.", "    return x\n"),
        ("```python\n    return x\n```", "    return x\n"),
        ("    return '''\nno end of it\n'''\n", "    return '''\nno end of it\n'''\n"),
        ("    retrun x\n", "    retrun x\n"),
        (r"    return '\d'", r"    return '\d'"),
    ],
)
def test_a_body_continues_the_prompt(response: str, body: str) -> None:
    """Also where it is no Python: that is for the interpreter to say. Without a head, a body is no program."""
    assert program_of(response, "f", HEAD) == HEAD + body
    assert program_of(response, "f", HEAD.rstrip("\n")) == HEAD + body


def test_a_body_without_a_head_is_no_program() -> None:
    assert program_of("    return x\n", "f") is None


def test_an_indented_sentence_before_a_function_is_no_body() -> None:
    """A base model's first token is often a space."""
    assert program_of(" Here it is:\ndef f(x):\n    return 1\n", "f", HEAD) == BEFORE + "def f(x):\n    return 1\n"


def test_a_script_has_no_entry_point() -> None:
    assert program_of("```\nprint(input())\n```") == "print(input())\n"
    assert program_of("print(input())\n") == "print(input())\n"
    assert program_of("I would print the input.") is None
    assert program_of("  \n") is None


HOSTILE = [
    "```python\n" * 100_000, "```\n" * 100_000, "~~~\n```\n" * 50_000, "`" * 100_000, "(" * 100_000,
    "def f(x):\n" * 20_000, "def f(" * 20_000, "def f(x):\n a\n;\n" * 10_000, "f=" * 50_000, "    x\ny\n" * 15_000,
    "    " + "-" * 90_000 + "1", "    return " + "[" * 50_000, "    return " + "9" * 50_000, "@f\n" * 30_000,
    "    '''\n" * 15_000, " " * 100_000, "\t\n" * 50_000, "import a\n" * 12_000, "\x00", "    \ud800", "class f(",
    "    return " + "not " * 20_000 + "x", "    return " + "x." * 30_000 + "x",
    "def f(x): return " + "(lambda: " * 9_000, "import" + " " * 90_000 + "!",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_no_text_takes_long_or_raises(number: int) -> None:
    for entry_point, head in (("f", HEAD), ("f", ""), ("", "")):
        start = time.monotonic()
        program = program_of(HOSTILE[number], entry_point, head)
        assert program is None or isinstance(program, str)
        assert time.monotonic() - start < 2


def test_what_is_no_python_is_not_parsed() -> None:
    assert parsed("def f(:") is None
    assert parsed("\x00") is None
    assert parsed("'\ud800'") is None
    assert parsed("x = '\\d'") is not None
