"""Numbers and times as people say them; `-` where something is not known."""

from __future__ import annotations

import re
import time

UNKNOWN = "-"

_UNITS = "BKMGTPE"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SIZE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)([kmgtpe]?)(?:i?b)?", re.IGNORECASE | re.ASCII)
_DAY = 86_400.0
_MOST_BYTES = 1 << 64


def _scale(amount: float) -> int:
    """Return the power of 1024 in which `amount` has at most three digits before the point."""
    power = 0
    while amount >= 999.5 and power < len(_UNITS) - 1:
        amount /= 1024
        power += 1
    return power


def _digits(amount: float, *, whole: bool) -> str:
    return f"{amount:.0f}" if whole else f"{amount:.1f}"


def size(amount: float | None) -> str:
    """Return bytes as "1.7G", "16G" or "0"; never more than five characters below 1000 EiB."""
    if amount is None:
        return UNKNOWN
    if amount < 0:
        return "-" + size(-amount)
    if amount < 0.5:
        return "0"
    power = _scale(amount)
    scaled = amount / 1024**power
    return _digits(scaled, whole=power == 0 or scaled >= 9.95) + _UNITS[power]


def pair(used: float | None, total: float | None, mark: str = "") -> str:
    """Return "1.7/2.0G": used of total in the total's unit; `mark` follows the first number ("7.6h/8.0G")."""
    if total is None or total <= 0:
        return UNKNOWN if used is None else size(used) + mark
    power = _scale(total)
    of = total / 1024**power
    unit = _UNITS[power]
    whole = power == 0 or of >= 9.95
    if used is None:
        return f"{UNKNOWN}/{_digits(of, whole=whole)}{unit}"
    first = _digits(used / 1024**power, whole=power == 0 or of >= 99.5)
    return f"{first}{mark}/{_digits(of, whole=whole)}{unit}"


def bps(amount: float | None) -> str:
    """Return bytes per second as "1.2M/s"."""
    return UNKNOWN if amount is None else size(amount) + "/s"


def whole(amount: float | None) -> str:
    """Return a number without a fraction: "11"."""
    return UNKNOWN if amount is None else f"{amount:.0f}"


def percent(amount: float | None) -> str:
    """Return "108 %"."""
    return UNKNOWN if amount is None else f"{amount:.0f} %"


def latency(milliseconds: float | None) -> str:
    """Return "40us", "0.4ms", "4ms" or "1.2s"."""
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < 0.095:
        return f"{milliseconds * 1000:.0f}us"
    if milliseconds < 0.95:
        return f"{milliseconds:.1f}ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f}ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f}s" if seconds < 9.95 else f"{seconds:.0f}s"


def duration(seconds: float | None) -> str:
    """Return a length of time in its largest unit: "1.2 s", "9 min", "5 h", "41 d"."""
    if seconds is None:
        return UNKNOWN
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min"
    if seconds < _DAY:
        return f"{seconds // 3600:.0f} h"
    return f"{seconds // _DAY:.0f} d"


def hhmm(at: float | None) -> str:
    """Return the local time "14:03"."""
    return UNKNOWN if at is None else time.strftime("%H:%M", time.localtime(at))


def hhmmss(at: float | None) -> str:
    """Return the local time "14:02:53"."""
    return UNKNOWN if at is None else time.strftime("%H:%M:%S", time.localtime(at))


def day_and_time(at: float | None) -> str:
    """Return "21 Nov 14:03", for what may be of any day."""
    if at is None:
        return UNKNOWN
    then = time.localtime(at)
    return f"{then.tm_mday:>2} {_MONTHS[then.tm_mon - 1]} {then.tm_hour:02}:{then.tm_min:02}"


def day_or_time(at: float | None, now: float) -> str:
    """Return "14:03" for today and the last half day, "21 Nov" for this year, else "2024-11-21"."""
    if at is None:
        return UNKNOWN
    then, today = time.localtime(at), time.localtime(now)
    if then[:3] == today[:3] or 0.0 <= now - at < _DAY / 2:
        return f"{then.tm_hour:02}:{then.tm_min:02}"
    if then.tm_year == today.tm_year:
        return f"{then.tm_mday} {_MONTHS[then.tm_mon - 1]}"
    return f"{then.tm_year:04}-{then.tm_mon:02}-{then.tm_mday:02}"


def iso(at: float | None) -> str | None:
    """Return the time in UTC as "2025-11-22T14:03:12Z", for machines."""
    return None if at is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def parse_size(text: str) -> int:
    """Return the bytes that "4G", "1.5 GiB" or "512" (bytes) means; raises ValueError."""
    found = _SIZE.fullmatch(text.replace(" ", ""))
    if found is None:
        problem = f"{text!r} is not a size"
        raise ValueError(problem)
    number, unit = found.groups()
    whole_part, _, fraction = number.partition(".")
    factor: int = 1024 ** _UNITS.index(unit.upper() or "B")
    amount = int(whole_part or 0) * factor + int(float(f"0.{fraction or 0}") * factor)
    if amount > _MOST_BYTES:
        problem = f"{text!r} is more than there can be"
        raise ValueError(problem)
    return amount
