"""Run by ssh in place of a terminal: hands a question to the program that started it, and prints the answer.

Only the standard library is used, and of that little: ssh waits for it. No answer ends it with an error, which
cancels the login.
"""

from __future__ import annotations

import json
import os
import socket
import sys


def main() -> int:
    """Ask, print, and return the exit code."""
    question = {
        "token": os.environ.get("KVMTUI_LANE", ""),
        "text": sys.argv[1] if len(sys.argv) > 1 else "",
        "hint": os.environ.get("SSH_ASKPASS_PROMPT", ""),
    }
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect(os.environ["KVMTUI_ASK"])
            line.sendall(json.dumps(question).encode() + b"\n")
            answer = line.makefile("rb").read()
    except (OSError, KeyError):
        return 1
    if not answer:
        return 1
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
