"""Chance that is a pure function: the same numbers in give the same number out."""

from __future__ import annotations

_ALL = (1 << 64) - 1
SIZE = 4096
MASK = SIZE - 1


def mix(*parts: int) -> int:
    """Return 64 well mixed bits of `parts` (splitmix64)."""
    state = 0x9E3779B97F4A7C15
    for part in parts:
        state = (state + (part & _ALL) + 0x9E3779B97F4A7C15) & _ALL
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _ALL
        state ^= state >> 31
    return state


def fraction(*parts: int) -> float:
    """Return a number from 0 to 1."""
    return mix(*parts) / 2**64


def table(seed: int) -> tuple[float, ...]:
    """Return `SIZE` numbers from 0 to 1, the knots that `smooth` walks along."""
    return tuple(fraction(seed, 0x7AB1E, index) for index in range(SIZE))


def smooth(knots: tuple[float, ...], at: float) -> float:
    """Return the noise at a place, from 0 to 1, joined by straight lines between the knots."""
    index = int(at)
    left = knots[index & MASK]
    return left + (knots[(index + 1) & MASK] - left) * (at - index)


def uuid_of(*parts: int) -> str:
    """Return a UUID (version 4 in form) made of `parts`."""
    high, low = mix(*parts, 1), mix(*parts, 2)
    digits = f"{high:016x}{low:016x}"
    variant = "89ab"[low >> 62]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
