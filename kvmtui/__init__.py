"""kvmtui runs KVM hosts and their virtual machines from the terminal."""

__version__ = "0.1.0"
