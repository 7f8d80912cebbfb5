"""Counts what the program asks of libvirt, from the log of libvirt's own client library."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BULK = "virConnectGetAllDomainStats"
PINGS = ("virConnectGetLibVersion", "keepalive")
SIZES = "sizes of answers"
"""What libvirt-python asks by itself before a call: how many figures the answer will have."""

REMOTE, KEEPALIVE = "536903814", "1801807216"  # libvirt's numbers for its RPC programs

_ENTRY = re.compile(
    r"^\S+ \S+ (?P<thread>\d+): (?:debug|info) : (?:"
    r"(?P<call>vir(?!Net[CMS])[A-Z]\w*):\d+ : (?P<arguments>.*)"
    r"|\w+:\d+ : RPC_CLIENT_MSG_TX_QUEUE: .*?prog=(?P<program>\d+) .*?type=0)",
    re.MULTILINE,
)


def logging_to(log: Path) -> dict[str, str]:
    """Return the environment in which libvirt's client writes down its calls."""
    return {
        "LIBVIRT_DEBUG": "1",
        "LIBVIRT_LOG_FILTERS": "1:rpc.netclient 1:libvirt 4:*",
        "LIBVIRT_LOG_OUTPUTS": f"1:file:{log}",
    }


def count(log: Path) -> Counter[str]:
    """Return how often each function of libvirt's interface has sent a message.

    Most functions of the interface answer by themselves. One that sends something writes its name first, and then
    the message is queued by the same thread.
    """
    sent: Counter[str] = Counter()
    last: dict[str, str] = {}
    for entry in _ENTRY.finditer(log.read_text(errors="replace")):
        if entry["call"]:
            last[entry["thread"]] = SIZES if "params=(nil)" in entry["arguments"] else entry["call"]
        elif entry["program"] == REMOTE:
            sent[last.get(entry["thread"], "not known")] += 1
        elif entry["program"] == KEEPALIVE:
            sent["keepalive"] += 1
    return sent
