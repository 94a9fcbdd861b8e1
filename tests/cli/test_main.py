"""The command line itself: what it prints, where, and with which exit code."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from assay import __version__
from assay.cli import main
from assay.errors import AssayError, Interrupted

raised: list[BaseException] = []
"""What the verb `fails` raises next."""


def fails() -> None:
    """Raises.

    Example:

        assay fails --with an-example-so-long-that-a-terminal-of-eighty-columns-would-have-to-break-it --and more
    """
    raise raised.pop()


def greets(name: str, times: int = 1, loudly: bool = False) -> None:
    """Greets."""
    print(f"hello {name}" * times)


group = typer.Typer(help="A group of one.")


@group.command()
def check(name: str) -> None:
    """Checks."""
    print(f"checked {name}")


@pytest.fixture(autouse=True)
def _verbs_of_this_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(main.VERBS, "fails", (f"{__name__}:fails", "Fails."))
    monkeypatch.setitem(main.VERBS, "greets", (f"{__name__}:greets", "Greets."))
    monkeypatch.setitem(main.VERBS, "group", (f"{__name__}:group", "Groups."))


def fail(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and stderr of a verb that raises `error`; stdout must stay empty."""
    raised.append(error)
    code = main.run(["fails"])
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return code, err


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_verb_with_its_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(arguments) == 0
    out = capsys.readouterr().out
    for verb, (_, sentence) in main.VERBS.items():
        assert any(line.split() == [verb, *sentence.split()] for line in out.splitlines()), verb
    assert max(map(len, out.splitlines())) <= 100


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out == f"assay {__version__}\n"


def test_a_verb_runs_with_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["greets", "you", "--times", "2"]) == 0
    assert capsys.readouterr().out == "hello youhello you\n"


def test_a_group_of_one_verb_is_still_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["group", "check", "it"]) == 0
    assert capsys.readouterr().out == "checked it\n"


def test_help_of_a_verb_keeps_its_example_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["fails", "--help"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert (
        "assay fails --with an-example-so-long-that-a-terminal-of-eighty-columns-would-have-to-break-it --and more"
        in lines
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["greet"], "there is no verb 'greet', did you mean 'greets'?; see assay --help"),
        (["--versoin"], "there is no option '--versoin', did you mean '--version'?; see assay --help"),
        (["greets", "you", "--tims", "2"], "there is no option '--tims', did you mean '--times'?; see assay greets"),
        (["greets", "you", "--no-loud"], "there is no option '--no-loud', did you mean '--no-loudly'?"),
        (["greets", "you", "--times", "x"], "invalid value for '--times'"),
        (["greets"], "missing argument"),
        (["group", "chek"], "no such command 'chek'"),
        (["group", "check", "--flag"], "there is no option '--flag'; see assay group check --help"),
    ],
)
def test_wrong_arguments_give_one_sentence_and_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("assay: ") and err.count("\n") == 1
    assert sentence in err


def test_an_error_for_the_user_is_its_message_and_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(AssayError("no model at x"), capsys) == (2, "assay: no model at x\n")


def test_several_mistakes_are_indented_below_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(AssayError("one\ntwo"), capsys) == (2, "assay: one\n  two\n")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "out.parquet"),
            "the disk is full, at out.parquet; free some space and run the same command again",
        ),
        (
            OSError(errno.EDQUOT, "Disk quota exceeded", "out.parquet"),
            "the disk is full, at out.parquet; free some space and run the same command again",
        ),
        # What safetensors and polars make of it: an exception of their own around the system's words.
        (
            RuntimeError("I/O error: No space left on device (os error 28)"),
            "the disk is full; free some space and run the same command again",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "runs/a"),
            "no permission to use runs/a; change its permissions or choose another path",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "recipe.toml"),
            "cannot use recipe.toml: no such file or directory",
        ),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "runs"), "cannot use runs: is a directory"),
    ],
)
def test_a_failure_of_the_machine_is_one_sentence_and_2(
    error: Exception, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fail(error, capsys) == (2, f"assay: {sentence}\n")


def test_a_really_full_disk(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code = main.run(["greets", "you"])
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space"):
            full.flush()  # what greets printed is still in its buffer
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
    assert code == 2
    assert "the disk is full" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        AssertionError("ours"),
        RuntimeError("ours"),
        ValueError("ours"),
        OSError("no file named"),
        BrokenPipeError(32, "w"),
    ],
)
def test_a_fault_of_ours_is_not_hidden(error: Exception) -> None:
    """A BrokenPipeError while stdout is well is one too: some worker of ours died."""
    raised.append(error)
    with pytest.raises(type(error)):
        main.run(["fails"])


def test_ctrl_c_is_one_line_and_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(KeyboardInterrupt(), capsys) == (130, "\nassay: stopped\n")


def test_ctrl_c_says_how_to_continue(capsys: pytest.CaptureFixture[str]) -> None:
    stop = Interrupted("continue with: assay train --resume runs/a")
    assert fail(stop, capsys) == (130, "\nassay: stopped; continue with: assay train --resume runs/a\n")


def start(code: str, **more: object) -> subprocess.Popen[str]:
    """A process that runs main() with a verb `it` whose body is `code`."""
    script = f"""
import sys, types
from assay.cli import main
module = types.ModuleType("verbs_of_a_test")
exec({("def it() -> None:" + chr(10) + "    import time, warnings" + chr(10) + "    " + code)!r}, module.__dict__)
sys.modules["verbs_of_a_test"] = module
main.VERBS["it"] = ("verbs_of_a_test:it", "It.")
sys.argv = ["assay", "it"]
main.main()
"""
    return subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_real_interrupt(sent: signal.Signals) -> None:
    process = start("print('on', flush=True); time.sleep(30)")
    assert process.stdout is not None and process.stdout.readline() == "on\n"
    time.sleep(0.05)
    process.send_signal(sent)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (130, "", "\nassay: stopped\n")


@pytest.mark.parametrize("length", [10, 1_000_000], ids=["buffered", "written at once"])
def test_a_reader_that_went_away_is_no_error(length: int) -> None:
    process = start(f"time.sleep(0.2); print('x' * {length})")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=10), err) == (141, "")


def test_warnings_of_libraries_are_not_shown() -> None:
    out, err = start("warnings.warn('use something else', FutureWarning); print('done')").communicate(timeout=10)
    assert (out, err) == ("done\n", "")


def test_python_dash_m_assay() -> None:
    done = subprocess.run([sys.executable, "-m", "assay", "--version"], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (0, f"assay {__version__}\n")
