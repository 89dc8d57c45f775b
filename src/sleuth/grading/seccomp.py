"""A filter of system calls for programs of strangers, as the bytes that `bwrap --seccomp` takes.

Namespaces keep a program from files, network and other processes. The filter denies what they leave and what no other
limit counts: new processes (threads are allowed), memory that belongs to no process, and calls that only administer a
system. Denied calls fail with EPERM; the program sees an `OSError`. The format is that of Linux's classic BPF (Berkeley
Packet Filter), see seccomp(2).
"""

from __future__ import annotations

import errno
import struct
import sys

_DENIED = {
    # name: (x86-64, arm64); None where the machine has no such call
    "fork": (57, None),
    "vfork": (58, None),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "io_uring_setup": (425, 425),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "fanotify_init": (300, 262),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "unshare": (272, 97),
    "setns": (308, 268),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
}
_CLONE = (56, 220)
_CLONE3 = 435
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of `_DENIED`, and what the kernel calls the machine (AUDIT_ARCH_…)."""
_CLONE_THREAD = 0x10000
_X32 = 0x40000000
"""Numbers from here are those of a second set of calls on x86-64."""
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16
"""Offsets in the kernel's `struct seccomp_data`; of the argument, its lower half."""
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000


def seccomp_filter(machine: str) -> bytes | None:
    """The filter for a machine (`platform.machine()`); None for one that is not known."""
    if machine not in _MACHINES or sys.byteorder != "little":
        return None
    column, arch = _MACHINES[machine]
    denied = [number for numbers in _DENIED.values() if (number := numbers[column]) is not None]
    program = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        _failing(errno.EPERM),
        (_EQUAL, 0, 1, _CLONE3),
        _failing(errno.ENOSYS),  # its flags lie in memory, which a filter cannot read; C libraries then take clone
    ]
    for number in denied:
        program += [(_EQUAL, 0, 1, number), _failing(errno.EPERM)]
    program += [
        (_EQUAL, 0, 3, _CLONE[column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 1, 0, _CLONE_THREAD),
        _failing(errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _failing(number: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _FAIL | number)
