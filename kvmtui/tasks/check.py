"""The last look before a command acts: is it still the VM, in the state, that a person chose?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.commands.base import Command, Level, Noun, Target
from kvmtui.commands.judge import WORDS
from kvmtui.core.errors import BackendError, NotFound, Refused
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.tasks.task import Hosts

_NOTHING = "nothing was done"


async def check_again(command: Command, target: Target, level: Level, hosts: Hosts) -> None:
    """Return when the command may act; raises Refused when anything differs from what was chosen."""
    if command.noun is Noun.VM:
        await _same_vm(target, hosts)
    elif command.noun is Noun.HOST:
        await _same_host(target, hosts)
    judgement = command.judge(hosts.scene(), target)
    if not judgement.allowed:
        raise Refused(judgement.refusal, hint=judgement.hint)
    if judgement.level > level:
        why = f" ({' '.join(judgement.warnings)})" if judgement.warnings else ""
        text = f"{safe(target.name)} now needs a stronger confirmation than was given{why}: {_NOTHING}."
        raise Refused(text, hint="Ask for it again.")


async def _same_vm(target: Target, hosts: Hosts) -> None:
    """Read the host's identity and the VM again, on the connection that changes go through."""
    name, host = safe(target.name), safe(target.host)
    monitor = hosts.monitor(target.host)
    if not monitor.condition.is_answering:
        return  # the judgement says what that means, and refuses
    try:
        found = await monitor.backend.host_uuid()
        if found != target.host_uuid:
            raise Refused(f"{host} is another machine than when you chose {name}: {_NOTHING}.")
        vm = await monitor.read(target.uuid)
    except NotFound:
        vm = None
    except BackendError as error:
        text = f"{name} on {host} could not be read again, so {_NOTHING}: {safe(error.text)}"
        raise type(error)(text, hint=error.hint) from error
    if vm is None:
        raise Refused(f"{name} is not on {host} any more: {_NOTHING}.")
    if vm.name != target.name:
        raise Refused(f"{name} on {host} is now called {safe(vm.name)}: {_NOTHING}.")
    if target.state is not None and vm.state is not target.state:
        text = f"{name} on {host} is now {WORDS[vm.state]}, was {WORDS[target.state]} when you chose: {_NOTHING}."
        raise Refused(text)


async def _same_host(target: Target, hosts: Hosts) -> None:
    """Refuse a host that became another machine; one that does not answer cannot be asked, and may be let go."""
    monitor = hosts.monitor(target.host)
    state = monitor.state
    if state is not None and target.host_uuid and state.host.uuid != target.host_uuid:
        raise Refused(f"{safe(target.host)} is another machine than when you chose it: {_NOTHING}.")
