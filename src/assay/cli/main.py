"""The command `assay`: finds the verb, runs it, and turns every expected failure into one sentence and an exit code.

A verb is a function `command` in its own file, annotated for typer, or, where it has verbs of its own, a `typer.Typer`.
Its module is imported when the verb is used, so `assay --help` answers at once. Exit codes: 0 done, 2 something that
the user can put right, 130 stopped by Ctrl-C or SIGTERM, 141 the reader of our output went away; a traceback is a fault
of ours.
"""

import errno
import os
import select
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import typer

from assay import __version__
from assay.errors import AssayError, Interrupted
from assay.registry import nearest, resolve

VERBS = {
    "train": ("assay.cli.train:command", "Train a model by a recipe, or continue a stopped run."),
    "sample": ("assay.cli.sample:command", "Draw many responses a problem from a model into a sample file."),
    "score": ("assay.cli.score:command", "Grade a sample file again and say what changed."),
    "grade": ("assay.cli.grade:command", "Grade pairs of gold and prediction by a verifier."),
    "distill": ("assay.cli.distill:command", "Distil a teacher into a student by its verified samples."),
    "prefer": ("assay.cli.prefer:command", "Let a simulated annotator say which responses it prefers."),
    "audit": ("assay.cli.audit:command", "Compare a base model with tuned ones: what did the training teach?"),
    "plan": ("assay.cli.plan:command", "How small a change can a comparison see, and what does it take to see one?"),
    "best-of": ("assay.cli.best_of:command", "Best of n by a score against majority and pass@n: what is it worth?"),
    "overopt": ("assay.cli.overopt:command", "Proxy against gold reward over KL: which runs are over-optimised?"),
    "contamination": ("assay.cli.contamination:command", "Was a benchmark in the text that a model was trained on?"),
    "diff": ("assay.cli.diff:command", "What did training change in the weights, and what does rounding hide?"),
    "patch": ("assay.cli.patch:app", "Ship a tuned model as a patch of its base: make one, apply one."),
    "bench": ("assay.cli.bench:command", "Compare a base model with tuned ones on several tasks: what transfers?"),
    "study": ("assay.cli.study:command", "Train arms x families x seeds and say what their comparison shows."),
    "report": ("assay.cli.report:command", "Draw the training curves of a run as one HTML page."),
    "demo": ("assay.cli.demo:command", "Train, sample and audit a tiny shipped model, in minutes on two cores."),
    "grow": ("assay.cli.grow:command", "Grow a tiny base model from a known corpus."),
    "tasks": ("assay.cli.tasks:app", "List the tasks, show their problems and check their verifiers."),
}

DONE, USER_ERROR, STOPPED, OUTPUT_CLOSED = 0, 2, 130, 141

# Click's base of all mistakes in the arguments; where it lives depends on the version of typer.
ClickException: type[Exception] = typer.BadParameter.__mro__[2]


def main() -> NoReturn:
    """The console script: runs the command line of this process and exits."""
    if not sys.warnoptions:
        # Warnings of libraries tell a user nothing; `python -W default -m assay` shows them.
        warnings.simplefilter("ignore")
    # Threads that wait spin a little: long spinning ruins a busy machine, none at all slows a quiet one.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's stop is a stop as by Ctrl-C
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs `assay ARGUMENTS...` and returns its exit code; messages go to stderr."""
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except AssayError as error:
        return _fail(str(error))
    except KeyboardInterrupt as stop:
        _say("stopped; " + stop.hint if isinstance(stop, Interrupted) else "stopped", before="\n")
        return STOPPED
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _output_is_closed():
            return OUTPUT_CLOSED
        sentence = _sentence(error)
        if sentence is None:
            raise
        return _fail(sentence)


def load_verb(verb: str) -> Any:
    """The click command, or group of commands, behind a verb of `VERBS`; imports its module."""
    target, sentence = VERBS[verb]
    found = resolve(target)
    app = found if isinstance(found, typer.Typer) else typer.Typer()
    app.rich_markup_mode = None  # plain help: it can be piped, pasted and read at any width
    app._add_completion = False
    if app is not found:
        app.command(verb)(found)
    command: Any = typer.main.get_group(app) if app is found else typer.main.get_command(app)
    command.help = command.help or sentence
    _keep_examples(command)
    return command


def _dispatch(arguments: Sequence[str]) -> int:
    first, *rest = arguments or ["--help"]
    if first in ("--help", "-h"):
        print(_help())
        return DONE
    if first == "--version":
        print(f"assay {__version__}")
        return DONE
    if first not in VERBS:
        kind, known = ("option", ["--help", "--version"]) if first.startswith("-") else ("verb", list(VERBS))
        return _fail(f"there is no {kind} {first!r}{nearest(first, known)}; see assay --help")
    command = load_verb(first)
    try:
        with command.make_context(f"assay {first}", list(rest)) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except typer.Abort:
        return STOPPED
    except ClickException as error:
        return _fail(_usage_sentence(error))
    return DONE


def _help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:<{width}}  {sentence}" for verb, (_, sentence) in VERBS.items())
    return f"""\
Usage: assay VERB ...

Train a language model by reinforcement learning, then find out what the training really taught it.

Verbs:
{verbs}

Options:
  --version  Print the version.
  --help     Print this; assay VERB --help says all about a verb, with an example.

Example:
  assay demo --out demo"""


def _keep_examples(command: Any) -> None:
    """Marks the paragraphs of a help text that hold command lines, so that click does not wrap them."""
    paragraphs = (command.help or "").split("\n\n")
    command.help = "\n\n".join("\b\n" + text if _holds_code(text) else text for text in paragraphs)
    for each in getattr(command, "commands", {}).values():
        _keep_examples(each)


def _holds_code(paragraph: str) -> bool:
    return any(line.startswith(" ") or line.strip().startswith("assay ") for line in paragraph.splitlines())


def _usage_sentence(error: Any) -> str:
    """What is wrong with a verb's arguments, and where to read about them."""
    context = getattr(error, "ctx", None)
    where = context.command_path if context else "assay"
    option = getattr(error, "option_name", None)
    if context and option is not None and hasattr(error, "possibilities"):  # no such option
        known = [name for parameter in context.command.params for name in (*parameter.opts, *parameter.secondary_opts)]
        message = f"there is no option {option!r}{nearest(option, known)}"
    else:
        message = " ".join(error.format_message().split()).rstrip(".")
        message = message[0].lower() + message[1:]
    return f"{message}; see {where} --help"


def _sentence(error: Exception) -> str | None:
    """The sentence for a failure of the machine rather than of ours; None where there is none to say."""
    code = error.errno if isinstance(error, OSError) else None
    name = error.filename if isinstance(error, OSError) else None
    if code in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error):
        at = f", at {name}" if name else ""
        return f"the disk is full{at}; free some space and run the same command again"
    if name is None:
        return None
    if isinstance(error, PermissionError):
        return f"no permission to use {name}; change its permissions or choose another path"
    return f"cannot use {name}: {(error.strerror or str(error)).lower()}"  # type: ignore[attr-defined]


def _output_is_closed() -> bool:
    """True where stdout or stderr (descriptors 1 and 2) is a pipe without a reader; what is buffered is dropped."""
    poll = select.poll()
    for descriptor in (1, 2):
        poll.register(descriptor, 0)
    closed = [descriptor for descriptor, event in poll.poll(0) if event & select.POLLERR]
    for descriptor in closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    return bool(closed)


def _fail(sentence: str) -> int:
    _say(sentence)
    return USER_ERROR


def _say(sentence: str, before: str = "") -> None:
    print(f"{before}assay: " + sentence.replace("\n", "\n  "), file=sys.stderr)
