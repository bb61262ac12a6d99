"""What the book claims: `data/claims.toml`, read and validated; and numbers in words."""

from __future__ import annotations

import math
import numbers
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCALES = ("quick", "full")
VERDICTS = ("holds", "fails", "inconclusive", "not attempted")
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_CRITERIA = ("at_least", "at_most", "between", "value", "is")
_KEYS = {"statement", "source", "unit", "scales", "verdict", "reason", "abs", "rel", *_CRITERIA}


def project_root() -> Path:
    """The folder that holds `data/claims.toml`.

    A chapter runs in its own folder, so the folders above the working directory are
    tried first; the checkout that this file belongs to is the fallback.
    """
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "data" / "claims.toml").is_file():
            return folder
    return Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Claim:
    """One entry of `data/claims.toml`; the file's header explains the fields."""

    id: str
    statement: str
    source: str
    criterion: str
    bound: Any
    tolerance: tuple[str, float] | None = None
    unit: str | None = None
    scales: tuple[str, ...] = SCALES
    verdict: str = "holds"
    reason: str | None = None

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
        if self.criterion == "is":
            return "true" if self.bound else "false"
        if self.criterion == "between":
            low, high = map(format_number, self.bound)
            return with_unit(f"between {low} and {high}", self.unit)
        bound = with_unit(format_number(self.bound, self.digits), self.unit)
        if self.tolerance is None:
            return f"{self.criterion.replace('_', ' ')} {bound}"
        kind, width = self.tolerance
        if kind == "rel":
            return f"{bound}, within {format_number(100 * width)} %"
        return f"{bound}, within {with_unit(format_number(width), self.unit)}"

    @property
    def range(self) -> tuple[float, float]:
        """The values that meet the criterion, ends included."""
        if self.criterion == "value":
            kind, width = self.tolerance or ("abs", 0.0)
            width *= abs(self.bound) if kind == "rel" else 1
            return self.bound - width, self.bound + width
        if self.criterion == "between":
            return self.bound
        return (self.bound, math.inf) if self.criterion == "at_least" else (-math.inf, self.bound)

    def judge(self, value: float | bool, interval: tuple[float, float] | None = None) -> str:
        """The verdict on a measured value; one that is not finite never holds.

        With an interval the whole of it has to meet the criterion, or the whole of it to miss it:
        where it reaches across, the verdict is ``"inconclusive"``.
        """
        if self.criterion == "is":
            return "holds" if value is self.bound else "fails"
        if not math.isfinite(value):
            return "fails"
        least, most = self.range
        low, high = (value, value) if interval is None else interval
        if least <= low and high <= most:
            return "holds"
        return "fails" if high < least or most < low else "inconclusive"


def load_claims(path: str | Path | None = None) -> dict[str, Claim]:
    """Read and validate the claims file.

    Parameters
    ----------
    path : path, optional
        By default the project's `data/claims.toml`.

    Returns
    -------
    dict of str to Claim
        In the order of the file, keyed by ``chapter.quantity``.

    Raises
    ------
    ValueError
        If the file is no valid TOML, or an entry breaks a rule of the file's header.
    """
    path = project_root() / "data" / "claims.toml" if path is None else Path(path)
    try:
        chapters = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not valid TOML: {error}") from error
    claims = {}
    for chapter, quantities in chapters.items():
        if not isinstance(quantities, dict):
            raise ValueError(f"{path.name}: '{chapter}' is not a table [chapter.quantity]")
        for quantity, entry in quantities.items():
            claim_id = f"{chapter}.{quantity}"
            try:
                claims[claim_id] = _claim(claim_id, entry)
            except ValueError as error:
                raise ValueError(f"{path.name}, [{claim_id}]: {error}") from error
    return claims


def _claim(claim_id: str, entry: Any) -> Claim:
    """Validate one table of the claims file."""
    if not isinstance(entry, dict):
        raise ValueError(f"expected a table, got {entry!r}")
    if unknown := set(entry) - _KEYS:
        raise ValueError(f"unknown key {sorted(unknown)}; expected some of {sorted(_KEYS)}")
    present = [key for key in _CRITERIA if key in entry]
    if len(present) != 1:
        raise ValueError(f"expected exactly one criterion out of {_CRITERIA}, got {present}")
    criterion, tolerance = present[0], [(key, entry[key]) for key in ("abs", "rel") if key in entry]
    if len(tolerance) != (criterion == "value"):
        raise ValueError("'value' needs one tolerance, 'abs' or 'rel'; other criteria take none")
    verdict, reason, unit = entry.get("verdict", "holds"), entry.get("reason"), entry.get("unit")
    scales = entry.get("scales", list(SCALES))
    for key, valid, expected in (
        ("statement", _is_text(entry.get("statement")), "a non-empty text"),
        ("source", _is_text(entry.get("source")), "a non-empty text"),
        *((key, _is_finite(width) and width >= 0, "a number >= 0") for key, width in tolerance),
        ("scales", _is_list(scales) and set(scales) <= set(SCALES), f"a list out of {SCALES}"),
        ("verdict", verdict in VERDICTS[:3], f"one of {VERDICTS[:3]}"),
        ("unit", unit is None or isinstance(unit, str), "a text"),
    ):
        if not valid:
            raise ValueError(f"'{key}' must be {expected}, got {entry.get(key)!r}")
    if (verdict == "holds") == _is_text(reason):
        raise ValueError("'reason' must say why a claim does not hold, and stands only there")
    return Claim(
        id=claim_id,
        statement=entry["statement"].strip(),
        source=entry["source"].strip(),
        criterion=criterion,
        bound=_bound(criterion, entry[criterion]),
        tolerance=tolerance[0] if tolerance else None,
        unit=unit,
        scales=tuple(scales),
        verdict=verdict,
        reason=reason,
    )


def _bound(criterion: str, bound: Any) -> Any:
    """Validate the value of a criterion key."""
    if criterion == "is":
        if not isinstance(bound, bool):
            raise ValueError(f"'is' must be true or false, got {bound!r}")
    elif criterion == "between":
        if not (_is_list(bound) and len(bound) == 2 and all(map(_is_finite, bound))):
            raise ValueError(f"'between' must be [low, high], got {bound!r}")
        if bound[0] > bound[1]:
            raise ValueError(f"'between' must have low <= high, got {bound!r}")
        return tuple(bound)
    elif not _is_finite(bound):
        raise ValueError(f"'{criterion}' must be a finite number, got {bound!r}")
    return bound


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _is_finite(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def format_number(value: float | bool | None, digits: int = 4) -> str:
    """A number with the digits a reader needs, or all digits of an integer."""
    if value is None:
        return "not finite"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.{digits}g}"
    if 1e4 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{float(mantissa):g}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def with_unit(text: str, unit: str | None) -> str:
    """A number in words, with its unit if it has one."""
    return f"{text} {unit}" if unit else text
