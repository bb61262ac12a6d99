"""What the book claims: `data/claims.toml`, read and validated; and numbers in words."""

import functools
import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

SCALES = ("quick", "full")
VERDICTS = ("holds", "fails", "inconclusive")
KINDS = {  # of claims: what each is measured for, as the reader sees it
    "result": "result of this book",
    "reproduction": "reported or computed elsewhere",
    "theory": "check against theory",
    "control": "control",
}
# What a finding may name; :meth:`mflib.book.record.Record.finding` writes the numbers.
PLACES = {"value", "percent", "count", "low", "high", "seeds", "not"}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def project_root() -> Path:
    """The folder that holds `data/claims.toml`.

    A chapter runs in its own folder, so the folders above the working directory are
    tried first; the checkout that this file belongs to is the fallback.
    """
    above = (Path.cwd(), *Path.cwd().parents)
    holding = (folder for folder in above if (folder / "data" / "claims.toml").is_file())
    return next(holding, Path(__file__).resolve().parents[2])


@dataclass(frozen=True)
class Claim:
    """One entry of `data/claims.toml`; the file's header explains the fields."""

    id: str
    statement: str
    source: str
    kind: str
    criterion: str
    bound: Any
    tolerance: tuple[str, float] | None = None
    unit: str | None = None
    scales: tuple[str, ...] = SCALES
    verdict: str = "holds"
    reason: str | None = None
    finding: str | None = None
    recorded: bool = False
    again: str | None = None

    @property
    def chapter(self) -> str:
        """The file name (without suffix) of the chapter that measures this claim."""
        return self.id.split(".")[0]

    @property
    def digits(self) -> int:
        """Digits that show how a value stands to the tolerance; four where there is none."""
        if self.tolerance is None or self.bound == 0:
            return 4
        kind, width = self.tolerance
        relative = width if kind == "rel" else width / abs(self.bound)
        return max(4, math.ceil(-math.log10(relative)) + 1) if relative > 0 else 4

    @property
    def words(self) -> str:
        """The criterion as a reader would say it, for example ``at least 0.95``."""
        ends = self.bound if self.criterion == "between" else [self.bound]
        bound = with_unit(" and ".join(format_number(x, self.digits) for x in ends), self.unit)
        if self.tolerance:
            kind, width = self.tolerance
            unit = self.unit if kind == "abs" else "%"
            width *= 1 if kind == "abs" else 100
            return f"{bound}, within {with_unit(format_number(width), unit)}"
        return bound if self.criterion == "is" else f"{self.criterion.replace('_', ' ')} {bound}"

    @property
    def range(self) -> tuple[float, float]:
        """The values that meet the criterion, ends included."""
        if self.criterion == "between":
            return self.bound
        kind, width = self.tolerance or ("abs", 0)
        width *= abs(self.bound) if kind == "rel" else 1
        low = -math.inf if self.criterion == "at_most" else self.bound - width
        high = math.inf if self.criterion == "at_least" else self.bound + width
        return low, high

    def judge(self, value: float | bool, interval: tuple[float, float] | None = None) -> str:
        """The verdict on a measured value; one that is not finite never holds.

        With an interval the whole of it has to meet the criterion, or the whole of it to miss it:
        where it reaches across, the verdict is ``"inconclusive"``.
        """
        if not math.isfinite(value):
            return "fails"
        least, most = self.range
        low, high = interval or (value, value)
        if least <= low and high <= most:
            return "holds"
        return "fails" if high < least or most < low else "inconclusive"


def load_claims(path: str | Path | None = None) -> dict[str, Claim]:
    """Read and validate the claims file.

    Args:
        path: By default the project's `data/claims.toml`.

    Returns:
        dict of str to Claim: In the order of the file, keyed by ``chapter.quantity``.

    Raises:
        ValueError: If the file is no valid TOML, or an entry breaks a rule of the file's header.
    """
    path = project_root() / "data" / "claims.toml" if path is None else Path(path)
    return dict(_claims(path.read_text(encoding="utf-8"), path.name))


@functools.cache  # a chapter records two dozen claims, and the file is long
def _claims(text: str, file: str) -> dict[str, Claim]:
    try:
        chapters = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file} is not valid TOML: {error}") from error
    claims = {}
    for chapter, quantities in chapters.items():
        if not isinstance(quantities, dict):
            raise ValueError(f"{file}: '{chapter}' is not a table [chapter.quantity]")
        for quantity, entry in quantities.items():
            id = f"{chapter}.{quantity}"
            if problem := _problem(entry):
                raise ValueError(f"{file}, [{id}]: {problem}")
            fields: dict[str, Any]
            fields = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
            criterion = next(key for key in _CRITERIA if key in fields)
            fields |= {"criterion": criterion, "bound": fields.pop(criterion)}
            width = [(kind, fields.pop(kind)) for kind in ("abs", "rel") if kind in fields]
            claims[id] = Claim(id, tolerance=width[0] if width else None, **fields)
    return claims


def _problem(entry: Any) -> str | None:
    """What is wrong with one table of the claims file."""
    if not isinstance(entry, dict):
        return f"expected a table, got {entry!r}"
    if unknown := sorted(set(entry) - set(_KEYS)):
        return f"unknown key {unknown}; expected some of {sorted(_KEYS)}"
    criteria = [key for key in _CRITERIA if key in entry]
    if len(criteria) != 1:
        return f"expected exactly one criterion out of {_CRITERIA}, got {criteria}"
    if len({"abs", "rel"} & set(entry)) != ("value" in entry):
        return "'value' needs one tolerance, 'abs' or 'rel'; other criteria take none"
    for key in ("statement", "source", "kind", *entry):
        expected, fits = _KEYS[key]
        if not fits(entry.get(key)):
            return f"'{key}' must be {expected}, got {entry.get(key)!r}"
    if (entry.get("verdict", "holds") == "holds") == ("reason" in entry):
        return "'reason' must say why a claim does not hold, and stands only there"
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_template(value: Any) -> bool:
    try:
        return _is_text(value) and {x[1] for x in Formatter().parse(value)} <= {None, *PLACES}
    except ValueError:  # a brace that is not closed
        return False


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_range(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
    return pair and value[0] <= value[1]


def _are_scales(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(scale in SCALES for scale in value)


_CRITERIA = ("at_least", "at_most", "between", "value", "is")
# What each key has to be, in words and as a check.
_KEYS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("statement", "source", "reason", "again"), ("a non-empty text", _is_text)),
    **dict.fromkeys(("at_least", "at_most", "value"), ("a finite number", _is_number)),
    **dict.fromkeys(("abs", "rel"), ("a number >= 0", lambda x: _is_number(x) and x >= 0)),
    "between": ("[low, high] with low <= high", _is_range),
    **dict.fromkeys(("is", "recorded"), ("true or false", lambda x: isinstance(x, bool))),
    "kind": (f"one of {tuple(KINDS)}", lambda x: x in KINDS),
    "finding": (f"a sentence with some of {sorted(PLACES)} in braces", _is_template),
    "scales": (f"a list out of {SCALES}", _are_scales),
    "verdict": (f"one of {VERDICTS}", lambda x: x in VERDICTS),
    "unit": ("a text", _is_text),
}


def format_number(value: float | bool | None, digits: int = 4) -> str:
    """A number with the digits a reader needs, or all digits of an integer."""
    if value is None or isinstance(value, bool):
        return {None: "not finite", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.{digits}g}"
    if 1e4 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{float(mantissa):g}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def format_seconds(seconds: float) -> str:
    """A time with three digits, in seconds, milliseconds or microseconds."""
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def with_unit(text: str, unit: str | None) -> str:
    """A number in words, with its unit if it has one."""
    return f"{text} {unit}" if unit else text
