"""Everything kvmtui raises for a person to read.

KvmtuiError
    ConfigError          the configuration or a command line value is wrong
    FilterError          a filter text cannot be read
    Refused              kvmtui itself will not do it (a check failed)
    BackendError         a hypervisor said no, or did not say anything
        NotFound         the thing is not there (any more)
        NotSupported     this hypervisor or version cannot do it
        Denied           the rights are missing, or who we are could not be shown
        Unreachable      no connection, or it was lost
        TimedOut         no answer within the deadline
        Busy             another operation holds the VM
        Conflict         the object is not in the state the call needs
        InUse            somebody else holds it, and it can be taken from them
        Aborted          it was ended before it was done, by a person or a program
"""

from __future__ import annotations


class KvmtuiError(Exception):
    """One sentence for a person, with a hint that says what to do."""

    def __init__(self, text: str, *, hint: str = "") -> None:
        """Keep the sentence and the hint; both may hold hostile text and are made safe when shown."""
        super().__init__(text)
        self.text = text
        self.hint = hint

    def __str__(self) -> str:
        """Return the sentence and the hint in one line."""
        return f"{self.text} {self.hint}".strip()


class ConfigError(KvmtuiError):
    """The configuration or a command line value is wrong."""


class FilterError(KvmtuiError):
    """A filter text cannot be read; `column` is where (0-based)."""

    def __init__(self, text: str, *, column: int = 0, hint: str = "") -> None:
        """Keep the sentence and the place in the filter text."""
        super().__init__(text, hint=hint)
        self.column = column


class Refused(KvmtuiError):
    """kvmtui will not do it: a check of its own failed, and nothing was sent."""


class BackendError(KvmtuiError):
    """A hypervisor said no, or said nothing.

    `unknown` is true when the request had been sent and may still be carried out.
    """

    def __init__(self, text: str, *, hint: str = "", unknown: bool = False) -> None:
        """Keep the sentence and whether the outcome is unknown."""
        super().__init__(text, hint=hint)
        self.unknown = unknown


class NotFound(BackendError):
    """The thing is not there (any more)."""


class NotSupported(BackendError):
    """This hypervisor, driver or version cannot do it."""


class Denied(BackendError):
    """The rights are missing, or who we are could not be shown; only a person can mend it."""


class Unreachable(BackendError):
    """There is no connection, or it was lost."""


class TimedOut(BackendError):
    """No answer came within the deadline."""


class Busy(BackendError):
    """Another operation holds the VM."""


class Conflict(BackendError):
    """The object is not in the state that the call needs."""


class InUse(BackendError):
    """Somebody else holds it; it can be taken from them."""


class Aborted(BackendError):
    """It was ended before it was done; the text says what is so now."""
