"""What tmux shows for the output of a program: the screen that another emulator is held against."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.real.lab.process import output

# Raw, so that the line discipline changes no byte on its way. tmux answers the question at the end (is the terminal
# well? ESC [ 0 n) when it has drawn all that came before it.
SHOW = r"""
stty raw -echo
cat '{file}'
printf '\033[5n'
until [ "$letter" = n ]; do letter=$(dd bs=1 count=1 2>/dev/null); done
tmux -S '{socket}' wait-for -S drawn
exec sleep 600
"""


def tmux_screen(data: bytes, columns: int, rows: int) -> list[str]:
    """The rows that a pane of this size shows after these bytes, without the blanks at their ends."""
    with tempfile.TemporaryDirectory(prefix="tmux-") as folder:
        file, config, socket = (Path(folder, name) for name in ("data", "config", "socket"))
        file.write_bytes(data)
        config.write_text("set -g status off\n")
        tmux = ["env", "-u", "TMUX", "LC_ALL=C.UTF-8", "tmux", "-u", "-S", str(socket), "-f", str(config)]
        script = Path(folder, "show")
        script.write_text(SHOW.format(file=file, socket=socket))
        output([*tmux, "new-session", "-d", "-x", str(columns), "-y", str(rows), f"exec sh {script}"])
        try:
            output([*tmux, "wait-for", "drawn"])
            lines = output([*tmux, "capture-pane", "-p"]).split("\n")
        finally:
            output([*tmux, "kill-server"])
    return [line.rstrip() for line in lines[:rows]]
