"""Build hosts and run a command among them, to try something by hand or from a script.

    tests/real/run --exec .venv/bin/python -m tests.real.lab hv1 hv2 --guests 2 -- .venv/bin/kvmtui

The command finds the URIs of the hosts in LAB_URIS, parted by blanks, and runs on the lab's network; with --on-host
it runs on the first host, where qemu:///system is that host's own libvirtd. Without a command: a shell.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from tests.real.lab.guest import GuestSpec
from tests.real.lab.site import Lab


def main() -> int:
    """Build what the arguments ask for, run the command, and give its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.real.lab",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("hosts", nargs="+", metavar="HOST", help="the name of a host to build")
    parser.add_argument("--guests", type=int, default=0, metavar="N", help="booted guests on each host")
    parser.add_argument("--crowd", type=int, default=0, metavar="N", help="idle guests on the first host")
    parser.add_argument("--on-host", action="store_true", help="run the command on the first host")
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    asked = parser.parse_args(words[:split])
    command = words[split + 1 :] or ["bash", "-i"]
    with Lab() as lab:
        hosts = [lab.host(name) for name in asked.hosts]
        guests = [
            lab.guest(host, GuestSpec(f"{host.name}-vm{number}", disk_mib=64)).start()
            for host in hosts
            for number in range(1, asked.guests + 1)
        ]
        for guest in guests:
            guest.wait_booted()
        if asked.crowd:
            lab.crowd(hosts[0], asked.crowd)
        environment = {**os.environ, "LAB_URIS": " ".join(host.uri for host in hosts)}
        argv = hosts[0].command(*command) if asked.on_host else command
        return subprocess.run(argv, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
