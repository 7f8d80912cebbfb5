"""Passwords and the like, left out of what is written down or said."""

from __future__ import annotations

import re

HIDDEN = "***"
_NAMES = r"(?:pass(?:wd|word|phrase)|pwd|secret|token)"
_SECRET = re.compile(
    rf"""
    (?P<address>://[^/@\s:]*:) [^/\s]* (?=@)                    # ://user:password@host
    | (?P<named>{_NAMES} ["']? \s* [=:] \s*)                    # passwd='x', password: x, "password": "x"
      (?: ' [^'\n]* ' | " [^"\n]* " | [^\s,;&<>'"]+ )
    | (?P<element><{_NAMES}\b[^<>]*>) [^<>]+ (?=</)              # <password>x</password>
    | (?P<key>-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----) .*? (?=-----END|\Z)
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def without_secrets(text: str) -> str:
    """Return the text with the values of what looks like a password left out."""
    return _SECRET.sub(lambda found: f"{found[found.lastgroup or 0]}{HIDDEN}", text)
