"""Sample files: JSONL or Parquet rows of responses or counts, read strictly and written atomically. No torch.

The columns are documented in docs/sample_files.md. Numbers of rows count from 1; a JSONL row's number is its line.
"""

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from assay.errors import DataError
from assay.files import replacing

Format = Literal["responses", "counts"]

TEXT_COLUMNS = (
    "task", "prompt", "response", "answer", "verdict", "reason", "judge", "tier", "solution", "strategy", "reflection",
    "confidence", "form", "stop", "under",
    "template_hash", "wording", "data_hash", "model",
)  # fmt: skip
INTEGER_COLUMNS = ("member", "length_tokens", "top_k", "max_new_tokens", "seed")
NUMBER_COLUMNS = ("guess_probability", "logprob", "logprob_under", "temperature", "top_p")
BOOLEAN_COLUMNS = ("reasoning",)
SUFFIXES = (".jsonl", ".ndjson", ".json", ".parquet")

CHUNK = 10_000
"""Responses of a JSON file that are searched together, and then let go."""
NONE = type(None)
_INTEGER_DTYPES = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)


@dataclass(frozen=True, slots=True)
class SampleFile:
    """The rows of one sample file.

    `frame` has `problem` as String (an integer id as its digits) and, for responses, `correct` as Boolean with null for
    unknown; for counts, `n` and `correct` as Int64. The other known columns have their documented types; missing ones
    are absent.
    """

    path: Path
    format: Format
    frame: pl.DataFrame


def read_samples(
    path: Path,
    columns: Collection[str] | None = None,
    problems: Collection[str] | None = None,
    numbers: Collection[str] = (),
    phrases: Mapping[str, str] | None = None,
) -> SampleFile:
    """Reads a sample file: all columns, or `problem`, `correct`, `n` and those of `columns` that it has.

    `problems` keeps only the rows of these; columns of `numbers` must hold numbers or null. `phrases` adds a Boolean
    column a name, where the file has responses: whether the response's text matches that regular expression (Rust's
    syntax; null where there is no text). The responses themselves are not kept for it. Parquet is told by its first
    bytes; anything else is read as JSON, a row a line or one list of rows. Raises DataError naming file, row and
    column.
    """
    wanted = None if columns is None else {"problem", "correct", "n", *columns, *numbers}
    frame, line = _reader(path)(path, wanted, None if problems is None else set(problems), numbers, phrases or {})
    kind = _kind(path, frame)
    return SampleFile(path, kind, _checked(path, frame, kind, line, numbers))


def read_responses(path: Path) -> pl.DataFrame:
    """Every row and column of a file that may not be graded yet: only `problem` and `response` must be there.

    Both become String, `member` and `length_tokens` Int64; what else is there stays as it is. Raises DataError naming
    file, row and column, also for a response that is a list of messages.
    """
    frame, line = _reader(path)(path, None, None, (), {}, is_plain=True)
    for name in ("problem", "response"):
        if name not in frame.columns:
            raise DataError(f"{path}: no row has the column {name!r}; expected rows of problem and response")
        missing = frame[name].is_null()
        if missing.any():
            raise DataError(f"{path}, row {line(missing.arg_max() or 0)}, column {name!r}: is empty; expected text")
    refuse = _refuser(path, frame, line)
    counts = [name for name in ("member", "length_tokens") if name in frame.columns]
    numbers = [_number(path, frame[name], True, refuse) for name in counts]
    return frame.with_columns(pl.col("problem", "response").cast(pl.String), *numbers)


def write_samples(path: Path, rows: pl.DataFrame | Iterable[Mapping[str, Any]]) -> Path:
    """Writes rows as Parquet, or as JSONL where `path` ends in .jsonl: whole or not at all."""
    frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(list(rows), infer_schema_length=None)
    with replacing(path) as temporary:
        if path.suffix in (".jsonl", ".ndjson"):
            frame.write_ndjson(temporary)
        else:
            frame.write_parquet(temporary)
    return path


def _reader(path: Path) -> Callable[..., tuple[pl.DataFrame, Callable[[int], int]]]:
    try:
        with path.open("rb") as file:
            return _parquet if file.read(4) == b"PAR1" else _json
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _parquet(
    path: Path,
    wanted: set[str] | None,
    problems: set[str] | None,
    numbers: Collection[str],
    phrases: Mapping[str, str],
    is_plain: bool = False,
) -> tuple[pl.DataFrame, Callable[[int], int]]:
    try:
        scan = pl.scan_parquet(path, glob=False)
        names = scan.collect_schema().names()
        if problems is not None and "problem" in names:
            scan = scan.filter(pl.col("problem").cast(pl.String).is_in(sorted(problems)))
        kept = names if wanted is None else [name for name in names if name in wanted]
        searched = _searched(phrases) if scan.collect_schema().get("response") == pl.String else []
        engine: Literal["streaming", "in-memory"] = "streaming" if searched else "in-memory"
        frame = scan.select(*kept, *searched).collect(engine=engine)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file: {_first_line(error)}") from None
    if is_plain and frame.schema.get("response", pl.String).is_nested():
        raise DataError(f"{path}, row 1, column 'response': expected text, got {_show(frame['response'].to_list()[0])}")
    return frame, lambda index: index + 1


def _json(
    path: Path,
    wanted: set[str] | None,
    problems: set[str] | None,
    numbers: Collection[str],
    phrases: Mapping[str, str],
    is_plain: bool = False,
) -> tuple[pl.DataFrame, Callable[[int], int]]:
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    texts: list[str | None] = []
    found: list[pl.DataFrame] = []
    names: dict[str, None] = {}  # in order of appearance
    for number, row in _json_rows(path):
        if not isinstance(row, dict):
            raise DataError(f"{path}, row {number}: expected an object with problem and correct, got {_show(row)}")
        if problems is not None and str(row.get("problem")) not in problems:
            continue
        kept = row if wanted is None else {name: row[name] for name in wanted & row.keys()}
        names |= dict.fromkeys(kept)
        rows.append(kept)
        lines.append(number)
        if phrases:
            text = row.get("response")
            texts.append(text if isinstance(text, str) else None)
            if len(texts) == CHUNK:
                found.append(_search(texts, phrases))
                texts.clear()
    if not rows:
        raise DataError(f"{path}: has no rows; expected one JSON object a line with problem and correct")
    if is_plain:
        _refuse(path, "response", [row.get("response") for row in rows], lines, {str, int, float, bool, NONE}, "text")
    order = names if wanted is None else sorted(names)
    frame = pl.DataFrame([_series(path, name, [row.get(name) for row in rows], lines, numbers) for name in order])
    if phrases:
        frame = frame.hstack(pl.concat([*found, _search(texts, phrases)]))
    return frame, lines.__getitem__


def _searched(phrases: Mapping[str, str]) -> list[pl.Expr]:
    return [pl.col("response").str.contains(pattern).alias(name) for name, pattern in phrases.items()]


def _search(texts: list[str | None], phrases: Mapping[str, str]) -> pl.DataFrame:
    return pl.DataFrame({"response": pl.Series(texts, dtype=pl.String)}).select(_searched(phrases))


def _json_rows(path: Path) -> Iterable[tuple[int, Any]]:
    with path.open(encoding="utf-8") as file:
        try:
            whole = file.read(1) == "["
            file.seek(0)
            if whole:
                rows = json.load(file)
                yield from enumerate(rows, start=1)
                return
        except json.JSONDecodeError as error:
            raise DataError(f"{path}: not a JSON list of rows: {error}") from None
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: neither Parquet nor UTF-8 text: {error.reason} at byte {error.start}") from None
        number = 0
        try:
            for number, line in enumerate(file, start=1):
                if not line.isspace():
                    yield number, json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path}, row {number}: expected one JSON object a line, got {_show(line.rstrip())}: {error.msg}"
            ) from None
        except UnicodeDecodeError as error:
            raise DataError(f"{path}, row {number + 1}: not UTF-8 text: {error.reason}") from None


def _series(path: Path, name: str, values: list[Any], lines: Sequence[int], numbers: Collection[str] = ()) -> pl.Series:
    kinds = set(map(type, values))
    if name == "problem":
        _refuse(path, name, values, lines, {str, int}, "a string or an integer")
        return pl.Series(name, list(map(str, values)), pl.String)
    if name in ("correct", "n"):
        return _counted(path, name, values, lines)
    if name in BOOLEAN_COLUMNS:
        _refuse(path, name, values, lines, {bool, NONE}, "true, false or null")
        return pl.Series(name, values, pl.Boolean)
    if name in TEXT_COLUMNS and name not in numbers:
        texts = values if kinds <= {str, NONE} else [_text_of(value) for value in values]
        return pl.Series(name, texts, pl.String)
    if name in (*INTEGER_COLUMNS, *NUMBER_COLUMNS, *numbers):
        _refuse(path, name, values, lines, {int, float, NONE}, "a number or null")
        if float in kinds or name in numbers:
            return pl.Series(name, [None if value is None else float(value) for value in values], pl.Float64)
        return pl.Series(name, values, pl.Int64)
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):  # somebody else's column, not of one type
        return pl.Series(name, [_text_of(value) for value in values], pl.String)


def _counted(path: Path, name: str, values: list[Any], lines: Sequence[int]) -> pl.Series:
    """`correct` or `n`: booleans, or integers, not both."""
    first = next((type(value) for value in values if value is not None), bool)
    if first not in (bool, int) or (name == "n" and first is bool):
        first = int if name == "n" else bool
    expected = "true, false or null" if first is bool else "an integer"
    _refuse(path, name, values, lines, {first, NONE}, expected)
    return pl.Series(name, values, pl.Boolean if first is bool else pl.Int64)


def _refuse(path: Path, name: str, values: list[Any], lines: Sequence[int], kinds: set[type], expected: str) -> None:
    if set(map(type, values)) <= kinds:
        return
    for line, value in zip(lines, values, strict=True):
        if type(value) not in kinds:
            raise DataError(f"{path}, row {line}, column {name!r}: expected {expected}, got {_show(value)}")


def _kind(path: Path, frame: pl.DataFrame) -> Format:
    """Booleans in `correct` make a file of responses; integers together with `n` make a file of counts."""
    for name in ("problem", "correct"):
        if name not in frame.columns:
            raise DataError(
                f"{path}: no row has the column {name!r}; expected rows of problem and correct (bool), "
                "or of problem, n and correct (integers); see docs/sample_files.md"
            )
    if frame.height == 0:
        raise DataError(f"{path}: has no rows")
    dtype = frame.schema["correct"]
    if dtype in (pl.Boolean, pl.Null):
        return "responses"
    if dtype in _INTEGER_DTYPES and "n" in frame.columns:
        return "counts"
    hint = "; integers are counts and need a column 'n'" if dtype in _INTEGER_DTYPES else ""
    raise DataError(
        f"{path}, row 1, column 'correct': expected true, false or null, got {frame['correct'][0]!r} ({dtype}){hint}"
    )


def _checked(
    path: Path, frame: pl.DataFrame, kind: Format, line: Callable[[int], int], numbers: Collection[str] = ()
) -> pl.DataFrame:
    """Casts the known columns to their types, or raises DataError for the first row that does not fit."""
    refuse = _refuser(path, frame, line)
    problem = frame["problem"]
    if problem.dtype not in (pl.String, pl.Categorical, *_INTEGER_DTYPES):
        raise DataError(f"{path}, row 1, column 'problem': expected a string or an integer, got {_show(problem[0])}")
    refuse(problem.is_null(), "problem", "a string or an integer")
    casts = [problem.cast(pl.String)]
    if kind == "counts":
        if frame["n"].dtype not in _INTEGER_DTYPES:
            raise DataError(f"{path}, row 1, column 'n': expected an integer, got {_show(frame['n'][0])}")
        refuse(frame["n"].is_null() | (frame["n"] < 0), "n", "a count of answers, 0 or more")
        refuse(frame["correct"].is_null() | (frame["correct"] < 0), "correct", "a count of right answers, 0 or more")
        refuse(frame["correct"] > frame["n"], "correct", "at most n right answers")
        casts += [frame[name].cast(pl.Int64) for name in ("n", "correct")]
    else:
        casts.append(frame["correct"].cast(pl.Boolean))
    for name in frame.columns:
        if name in (*INTEGER_COLUMNS, *NUMBER_COLUMNS, *numbers):
            casts.append(_number(path, frame[name], name in INTEGER_COLUMNS, refuse))
        elif name in TEXT_COLUMNS:
            casts.append(_text(path, frame[name]))
        elif name in BOOLEAN_COLUMNS and frame[name].dtype not in (pl.Boolean, pl.Null):
            raise DataError(
                f"{path}, row 1, column {name!r}: expected true, false or null, got {_show(frame[name][0])} "
                f"({frame[name].dtype})"
            )
    return _unique(path, frame.with_columns(casts), kind, line)


def _refuser(path: Path, frame: pl.DataFrame, line: Callable[[int], int]) -> Callable[[pl.Series, str, str], None]:
    """Raises DataError for the first row that is marked bad, where one is."""

    def refuse(bad: pl.Series, name: str, expected: str) -> None:
        index = bad.arg_max() if bad.any() else None
        if index is not None:
            raise DataError(
                f"{path}, row {line(index)}, column {name!r}: expected {expected}, got {_show(frame[name][index])}"
            )

    return refuse


def _number(path: Path, values: pl.Series, whole: bool, refuse: Callable[[pl.Series, str, str], None]) -> pl.Series:
    name = values.name
    if not (values.dtype.is_numeric() or values.dtype == pl.Null):
        raise DataError(
            f"{path}, row 1, column {name!r}: expected a number or null, got {_show(values[0])} ({values.dtype})"
        )
    if values.dtype.is_float():
        values = values.fill_nan(None)
        refuse(values.is_infinite().fill_null(False), name, "a finite number")
        if whole:
            refuse((values != values.round()).fill_null(False), name, "an integer")
    if name == "guess_probability":
        refuse(((values < 0) | (values > 1)).fill_null(False), name, "a probability from 0 to 1")
    if name in ("length_tokens", "member"):
        refuse((values < 0).fill_null(False), name, "an integer, 0 or more")
    return values.cast(pl.Int64 if whole else pl.Float64)


def _text(path: Path, values: pl.Series) -> pl.Series:
    if values.dtype.is_nested():
        return pl.Series(values.name, [_text_of(value) for value in values.to_list()], pl.String)
    return values.cast(pl.String)


def _unique(path: Path, frame: pl.DataFrame, kind: Format, line: Callable[[int], int]) -> pl.DataFrame:
    """A problem twice among counts, or the same member of a problem twice, is a file put together wrongly."""
    keys = ["problem"] if kind == "counts" else ["problem", "member"]
    if not set(keys) <= set(frame.columns):
        return frame
    if "member" in keys and frame["member"].null_count():
        return frame
    if frame.select(pl.struct(keys).n_unique()).item() == frame.height:
        return frame
    index = frame.select(pl.struct(keys).is_first_distinct()).to_series().arg_min()
    assert index is not None
    what = " of ".join(f"{name} {frame[name][index]!r}" for name in reversed(keys))
    raise DataError(f"{path}, row {line(index)}: {what} is there twice; each must appear once")


def _text_of(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _show(value: Any) -> str:
    text = repr(value)
    if isinstance(value, float) and math.isnan(value):
        text = "NaN (write null for what could not be judged)"
    return text if len(text) <= 80 else text[:77] + "..."


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
