"""What the book claims: `data/claims.toml`, read and validated."""

from __future__ import annotations

import math
import numbers
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCALES = ("quick", "full")
VERDICTS = ("holds", "fails", "not attempted")
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_CRITERIA = ("at_least", "at_most", "between", "value", "is")
_KEYS = {"statement", "source", "unit", "scales", "verdict", "reason", "abs", "rel", *_CRITERIA}


def project_root() -> Path:
    """Return the folder that holds `data/claims.toml`.

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
            return _with_unit(f"between {low} and {high}", self.unit)
        bound = _with_unit(format_number(self.bound, self.digits), self.unit)
        if self.tolerance is None:
            return f"{self.criterion.replace('_', ' ')} {bound}"
        kind, width = self.tolerance
        if kind == "rel":
            return f"{bound}, within {format_number(100 * width)} %"
        return f"{bound}, within {_with_unit(format_number(width), self.unit)}"

    def holds(self, value: float | bool) -> bool:
        """Tell whether a measured value meets the criterion; a non-finite one never does."""
        if self.criterion == "is":
            return value is self.bound
        if not math.isfinite(value):
            return False
        if self.criterion == "at_least":
            return value >= self.bound
        if self.criterion == "at_most":
            return value <= self.bound
        if self.criterion == "between":
            return self.bound[0] <= value <= self.bound[1]
        kind, width = self.tolerance
        return abs(value - self.bound) <= (width * abs(self.bound) if kind == "rel" else width)


def load_claims(path: str | Path | None = None) -> dict[str, Claim]:
    """Read and validate the claims file.

    Parameters
    ----------
    path : path, optional
        The file to read; the project's `data/claims.toml` by default.

    Returns
    -------
    dict of str to Claim
        The claims in the order of the file, keyed by ``chapter.quantity``.
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
    for key in ("statement", "source"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise ValueError(f"'{key}' must be a non-empty text, got {entry.get(key)!r}")
    present = [key for key in _CRITERIA if key in entry]
    if len(present) != 1:
        raise ValueError(f"expected exactly one criterion out of {_CRITERIA}, got {present}")
    criterion = present[0]
    bound = _bound(criterion, entry[criterion])
    tolerances = [(key, entry[key]) for key in ("abs", "rel") if key in entry]
    if len(tolerances) != (criterion == "value"):
        raise ValueError("'value' needs one tolerance, 'abs' or 'rel'; other criteria take none")
    if tolerances and not (_is_finite(tolerances[0][1]) and tolerances[0][1] >= 0):
        raise ValueError(f"'{tolerances[0][0]}' must be a number >= 0, got {tolerances[0][1]!r}")
    scales = entry.get("scales", list(SCALES))
    if not isinstance(scales, list) or not scales or set(scales) - set(SCALES):
        raise ValueError(f"'scales' must be a list out of {list(SCALES)}, got {scales!r}")
    verdict, reason = entry.get("verdict", "holds"), entry.get("reason")
    if verdict not in ("holds", "fails"):
        raise ValueError(f"'verdict' must be 'holds' or 'fails', got {verdict!r}")
    if (verdict == "fails") != (isinstance(reason, str) and bool(reason.strip())):
        raise ValueError("'reason' must say why a claim fails, and stands only with 'fails'")
    unit = entry.get("unit")
    if unit is not None and not isinstance(unit, str):
        raise ValueError(f"'unit' must be a text, got {unit!r}")
    return Claim(
        id=claim_id,
        statement=entry["statement"].strip(),
        source=entry["source"].strip(),
        criterion=criterion,
        bound=bound,
        tolerance=tolerances[0] if tolerances else None,
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
        if not (isinstance(bound, list) and len(bound) == 2 and all(map(_is_finite, bound))):
            raise ValueError(f"'between' must be [low, high], got {bound!r}")
        if bound[0] > bound[1]:
            raise ValueError(f"'between' must have low <= high, got {bound!r}")
        return tuple(bound)
    elif not _is_finite(bound):
        raise ValueError(f"'{criterion}' must be a finite number, got {bound!r}")
    return bound


def _is_finite(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def format_number(value: float | bool | None, digits: int = 4) -> str:
    """Write a number with the digits a reader needs, or all digits of an integer."""
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


def _with_unit(text: str, unit: str | None) -> str:
    return f"{text} {unit}" if unit else text
