"""A terminal in memory: what a guest's serial console writes, as lines that are safe to show."""

from kvmtui.emulator.emulator import Emulator
from kvmtui.emulator.looks import PLAIN, SEAM, Colour, Look, Run

__all__ = ["PLAIN", "SEAM", "Colour", "Emulator", "Look", "Run"]
