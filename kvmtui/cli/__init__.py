"""The command line: opens the screen, or does one thing without it; catches every error meant for a person."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from kvmtui.cli.output import Exit, Output, OutputLost, code_of
from kvmtui.core.errors import KvmtuiError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from kvmtui.config import Arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    output = Output(json="--json" in words)
    try:
        return _told(words, output)
    except OutputLost as error:
        _give_up_output()
        output.note(str(error))
        return Exit.FAILED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except (MemoryError, RuntimeError) as error:
        if not _is_for_want(error):
            raise
        output.note("This machine gives kvmtui no more memory or threads: look at `ulimit -a` and `free`.")
        return Exit.FAILED
    except BrokenPipeError:
        _give_up_output()
        return Exit.BROKEN_PIPE


def _is_for_want(error: BaseException | None) -> bool:
    """Whether there was no room for something, or for what led to the error."""
    while error is not None:
        if isinstance(error, MemoryError) or str(error) == "can't start new thread":
            return True
        error = error.__context__
    return False


def _told(words: list[str], output: Output) -> int:
    """Do what the words say; an error is told, which may find the output full."""
    try:
        return _run(words, output)
    except OutputLost:
        raise
    except KvmtuiError as error:
        output.error(error)
        return code_of(error)


def _give_up_output() -> None:
    """Throw away what is still to be written; Python would complain once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: list[str], output: Output) -> int:
    from kvmtui.cli.arguments import parse  # noqa: PLC0415 - a broken pipe is caught also while this loads

    given = parse(words)
    if given is None:
        return Exit.DONE
    if given.noun is None:
        return _open_screen(given)
    return _headless(given, output)


def _arguments(given: Namespace) -> Arguments:
    """Return what the configuration is loaded with."""
    from kvmtui.config import Arguments  # noqa: PLC0415 - `--version` loads nothing that it does not need

    return Arguments(
        connect=(*given.connect, *given.connect_after),
        demo=given.demo,
        read_only=given.read_only,
        config=given.config,
        theme=given.theme,
        refresh=given.refresh,
        mouse=False if given.no_mouse else None,
        log_level=given.log_level,
        headless=given.noun is not None,
    )


def _log(level: str) -> None:
    """Begin the log; a home that cannot be written to is no reason to stop."""
    from kvmtui import logs  # noqa: PLC0415 - `--version` loads nothing that it does not need

    try:
        logs.set_up(level)
    except OSError as error:
        sys.stderr.write(f"kvmtui: no log is kept: {error.filename}: {error.strerror}.\n")


def _open_screen(given: Namespace) -> int:
    """Open the screen; the toolkit loads only here."""
    from kvmtui import config  # noqa: PLC0415 - `--version` loads nothing that it does not need

    settings = config.load(_arguments(given))
    _log(settings.log_level)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise KvmtuiError("The screen needs a terminal.", hint="Without one, use `kvmtui vms` and the other verbs.")
    term = os.environ.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        raise KvmtuiError(
            f"TERM is {term or 'not set'}: the screen cannot be drawn in such a terminal.",
            hint="If it can do more, export TERM=xterm-256color; else use `kvmtui vms` and the other verbs.",
        )
    from kvmtui.cli.screen import open_screen  # noqa: PLC0415 - the headless verbs need no screen

    _forget_old_size()
    return open_screen(settings)


def _forget_old_size() -> None:
    """Let the terminal say its size: `eval $(resize)` exports the size of that moment to every program."""
    columns, lines = os.get_terminal_size(sys.stdout.fileno())
    if columns and lines:
        for name in ("COLUMNS", "LINES"):
            os.environ.pop(name, None)


def _headless(given: Namespace, output: Output) -> int:
    """Do a verb without a screen."""
    if given.noun == "tasks":
        from kvmtui.cli.listing import list_tasks  # noqa: PLC0415 - the journal alone is needed

        return list_tasks(given, output)
    if given.noun == "completion":
        from kvmtui.cli.completion import complete  # noqa: PLC0415 - only what is asked for loads

        return complete(given.what)
    if given.noun == "doctor":
        return _doctor(given, output)
    # libvirt would write warnings beside the sentence that says what is wrong.
    os.environ.setdefault("LIBVIRT_DEBUG", "error")
    import asyncio  # noqa: PLC0415 - `tasks` needs no loop

    from kvmtui import config  # noqa: PLC0415 - `tasks` needs no host
    from kvmtui.cli.headless import do  # noqa: PLC0415 - the engine loads only when a host is needed

    settings = config.load(_arguments(given))
    _log(settings.log_level)
    return asyncio.run(do(given, settings, output))


def _doctor(given: Namespace, output: Output) -> int:
    """Look at this machine and at the hosts; a configuration that is wrong is one more thing to say."""
    from kvmtui import config  # noqa: PLC0415 - only what is asked for loads
    from kvmtui.cli.doctor import diagnose  # noqa: PLC0415 - only what is asked for loads

    def load() -> config.Settings:
        settings = config.load(_arguments(given))
        _log(settings.log_level)
        return settings

    return diagnose(load, output)
