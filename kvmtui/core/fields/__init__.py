"""How one attribute of a VM, a host or a task is read, shown, sorted, filtered and exported: declared once."""

from kvmtui.core.fields.field import Field, Json, Match, Shown, SortKey, Tone, Value, by_name
from kvmtui.core.fields.host import HOST_FIELDS
from kvmtui.core.fields.host_facts import condition_text, version_text
from kvmtui.core.fields.task import TASK_FIELDS
from kvmtui.core.fields.vm import VM_FIELDS
from kvmtui.core.fields.vm_facts import best_address
from kvmtui.core.fields.vm_state import should_be_on, state_text
from kvmtui.core.rows import HostRow, VmRow, host_rows, vm_row, vm_rows

__all__ = [
    "HOST_FIELDS",
    "TASK_FIELDS",
    "VM_FIELDS",
    "Field",
    "HostRow",
    "Json",
    "Match",
    "Shown",
    "SortKey",
    "Tone",
    "Value",
    "VmRow",
    "best_address",
    "by_name",
    "condition_text",
    "host_rows",
    "should_be_on",
    "state_text",
    "version_text",
    "vm_row",
    "vm_rows",
]
