"""What the tests of commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.making_bench import KEY

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home_with_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one public key in ~/.ssh."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519.pub").write_text(f"{KEY}\n")
    (tmp_path / ".ssh/notes.pub").write_text("this is no key\n")
