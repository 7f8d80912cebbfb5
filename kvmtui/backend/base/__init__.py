"""The only words that the program and a hypervisor share: a `Backend`, its facets, and what they give and take.

A `Backend` is one host. Its facets are small groups of async calls; each raises `BackendError` kinds and
nothing else. None of them blocks the loop, and each ends by itself within its deadline. A change whose
answer did not come raises with `unknown=True`: it may still be carried out, and is never sent again by itself.
Each module is named as the one of `backend/libvirt` that carries it out.
"""

from kvmtui.backend.base.asking import Asker, Prompt, PromptKind
from kvmtui.backend.base.backend import Backend, Connector
from kvmtui.backend.base.console import Console, ConsoleLine, Display
from kvmtui.backend.base.creation import Creation, Offers
from kvmtui.backend.base.definition import Definition
from kvmtui.backend.base.events import Sign, Wake, WakeKind
from kvmtui.backend.base.guest import Guest, GuestUser
from kvmtui.backend.base.host import HostDetails, Inventory, NumaCell, Want
from kvmtui.backend.base.logs import HostLogs, LogPart, Logs
from kvmtui.backend.base.migration import Migration
from kvmtui.backend.base.power import Power, ShutdownMode
from kvmtui.backend.base.storage import DiskUse, Storage, Upload

__all__ = [
    "Asker",
    "Backend",
    "Connector",
    "Console",
    "ConsoleLine",
    "Creation",
    "Definition",
    "DiskUse",
    "Display",
    "Guest",
    "GuestUser",
    "HostDetails",
    "HostLogs",
    "Inventory",
    "LogPart",
    "Logs",
    "Migration",
    "NumaCell",
    "Offers",
    "Power",
    "Prompt",
    "PromptKind",
    "ShutdownMode",
    "Sign",
    "Storage",
    "Upload",
    "Wake",
    "WakeKind",
    "Want",
]
