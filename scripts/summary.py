"""Says where the time of a check or test run went, and closes with one line over all its tests, as pytest would."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

SHOWN_FILES = 8
WORTH_SHOWING_S = 1.0


def print_steps(times: Path) -> None:
    """Print each step of `times` (name, start, end in seconds since the epoch, outcome) with what it took."""
    for line in times.read_text().splitlines():
        name, began, ended, outcome = line.split("\t")
        print(f"  {name:<22}{float(ended) - float(began):8.1f} s  {outcome}")


def count(reports: list[Path]) -> tuple[Counter[str], dict[str, float]]:
    """Return pytest's outcomes over all JUnit reports, and the seconds that each test file took."""
    outcomes: Counter[str] = Counter()
    seconds: dict[str, float] = defaultdict(float)
    for report in reports:
        for case in ET.parse(report).iter("testcase"):
            seconds[case.get("classname", "?")] += float(case.get("time", "0"))
            kinds = {child.tag for child in case}
            outcome = next((kind for kind in ("error", "failure", "skipped") if kind in kinds), "passed")
            outcomes[outcome] += 1
    return outcomes, seconds


def main() -> None:
    """Print the summary of the times file and the JUnit reports named on the command line."""
    times, *reports = map(Path, sys.argv[1:])
    outcomes, seconds = count([report for report in reports if report.exists()])
    print("\nWhere the time went (the static checks run beside the tests):")
    print_steps(times)
    slowest = sorted(seconds.items(), key=lambda item: -item[1])[:SHOWN_FILES]
    for name, took in slowest:
        if took >= WORTH_SHOWING_S:
            print(f"    {took:8.1f} s  {name}")
    words = (("failure", "failed"), ("passed", "passed"), ("skipped", "skipped"), ("error", "errors"))
    said = ", ".join(f"{outcomes[key]} {word}" for key, word in words if outcomes[key])
    print(f"==== {said or 'no tests ran'} in {sum(seconds.values()):.2f}s ====")


if __name__ == "__main__":
    main()
