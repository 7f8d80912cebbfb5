"""What a stranger may point the program at: ports that are silent, hang up, or speak something else."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tests.real.lab import until
from tests.real.program import Home, Program, kvmtui

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def silent(_connection: socket.socket) -> None:
    """Say nothing."""


def talks(connection: socket.socket) -> None:
    """Answer whatever is asked with something else: more lines of it than ssh reads before it gives up."""
    connection.recv(1024)
    connection.sendall(b"I am neither libvirt nor an sshd.\r\n" * 1100)


def hangs_up(connection: socket.socket) -> None:
    """Hang up at once."""
    connection.shutdown(socket.SHUT_RDWR)


def stops_after_its_banner(connection: socket.socket) -> None:
    """Be an sshd as far as its first line."""
    connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")


@contextmanager
def port(speak: Callable[[socket.socket], None]) -> Iterator[int]:
    """Listen on a port of this machine, and give it; each connection stays open until the end."""
    kept: list[socket.socket] = []

    def answer(connection: socket.socket) -> None:
        with suppress(OSError):
            speak(connection)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                kept.append(connection)
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield listening.getsockname()[1]
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            for connection in kept:
                connection.close()


def test_ports_that_are_not_libvirts_are_named_for_what_they_are() -> None:
    with port(silent) as quiet, port(talks) as loud, port(hangs_up) as curt, port(stops_after_its_banner) as stuck:
        hosts = {
            "tcp-loud": (f"qemu+tcp://127.0.0.1:{loud}/system", "What answers on 127.0.0.1 is not libvirt."),
            "tcp-curt": (f"qemu+tcp://127.0.0.1:{curt}/system", "The connection to 127.0.0.1 (was lost|ended)"),
            "tcp-quiet": (f"qemu+tcp://127.0.0.1:{quiet}/system", "127.0.0.1 takes connections, but libvirt there"),
            "ssh-loud": (f"qemu+ssh://root@127.0.0.1:{loud}/system", "sshd on 127.0.0.1 closes connections before"),
            "ssh-curt": (f"qemu+ssh://root@127.0.0.1:{curt}/system", "sshd on 127.0.0.1 closes connections before"),
            "ssh-quiet": (f"qemu+ssh://root@127.0.0.1:{quiet}/system", "127.0.0.1 takes connections where its sshd"),
            "ssh-stuck": (
                f"qemu+ssh://root@127.0.0.1:{stuck}/system",
                "The login to 127.0.0.1 ended, and ssh gave no reason.",
            ),
        }
        home = Home({name: uri for name, (uri, _) in hosts.items()})
        with Program(home, size=(200, 40)) as program:
            for name, (_, said) in hosts.items():
                program.wait_host(name, f"(down|no answer) since .*: {said}", timeout=90)
            assert "shell" not in program.text()
            program.keys("9", "j", "j", "enter")
            until(lambda: "Overview" in program.text(), "the page of a host", timeout=60)
            program.keys("q")
            program.leave()
        assert "Traceback" not in home.log()


def test_what_is_not_libvirt_is_told_on_the_command_line() -> None:
    with port(talks) as loud:
        done = kvmtui("vms", "-c", f"qemu+tcp://127.0.0.1:{loud}/system", home=Home({}))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("kvmtui: 127.0.0.1 is down: What answers on 127.0.0.1 is not libvirt. Check the port")
    assert len(done.stderr.splitlines()) == 1
