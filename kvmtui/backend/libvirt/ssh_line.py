"""The transport of a lane over ssh: a session of its own on a master that all lanes to the host share."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from kvmtui.backend.libvirt import ssh
from kvmtui.backend.libvirt.joining import Joining
from kvmtui.backend.libvirt.masters import Master

if TYPE_CHECKING:
    from pathlib import Path

    from kvmtui.backend.libvirt.asking import AskingServer
    from kvmtui.backend.libvirt.uri import Address


class SshLine:
    """ssh, started by libvirt through a wrapper of ours that says which process it is."""

    def __init__(self, address: Address, server: AskingServer | None = None) -> None:
        self._address = address
        self._server = server
        self._joining = Joining(server)
        self._token = secrets.token_hex(16)
        self._files: tuple[Path, Path, Path] | None = None
        self._control: Path | None = None

    @property
    def asks(self) -> bool:
        return self._joining.waits or (self._server is not None and self._server.is_asking(self._token))

    def prepare(self) -> str:
        master = Master.of(self._address)
        self._control = master.claim()
        joined = self._joining.join(master.place, self._control, self._address.label)
        asks = None
        if self._server is not None:
            # A master that takes no more sessions (sshd's MaxSessions) leaves this lane to log in by itself.
            self._server.expect(self._token, self._address.label, account=master.place.name)
            asks = ssh.Asks(self._server.program, self._server.address)
        self._files = ssh.write_wrapper(self._token, joined.control, asks, joined.way)
        return self._address.text(command=str(self._files[0]), no_tty="1")

    def opened(self) -> None:
        """Keep the report: it names the process for as long as the lane lives."""
        if self._server is not None:
            self._server.forget(self._token, let_in=True)

    def cut(self) -> bool:
        is_cut = self._joining.cut()
        return (self._files is not None and ssh.end_process(self._token, self._files[1])) or is_cut

    def release(self) -> None:
        if self._server is not None:
            self._server.forget(self._token, let_in=False)
        control, self._control = self._control, None
        if control is not None:
            Master.give_back(control)
        files, self._files = self._files, None
        for file in files or ():
            with contextlib.suppress(OSError):
                file.unlink()
