"""The system calls that sandboxed code may not make, as a filter program for the kernel (seccomp BPF, Linux).

No new process and no thread, no signal to another, no socket, no tracing, no mounting, no memory beside the address
space (System V, memfd, pages that a pipe holds, rules of Landlock), no locks and no watches on files and no waiting on
pages of them, which other programs and the host would notice, no timers but the process's own, no priorities, no list
of mounts, no kernel interfaces. Of fcntl only what copies descriptors and sets their flags. A forbidden call fails with
EPERM; clone3 with ENOSYS, for which the C library falls back to clone, and so does every call that is newer than these
tables. Calls of another architecture than the interpreter's kill the process.

Threads are forbidden because nothing else bounds them: they can share one stack, so memory does not, and of root
RLIMIT_NPROC is not asked; one program could use up the process ids of the machine.
"""

import errno
import os
import platform
import struct

_LOAD, _EQUAL, _GREATER_EQUAL, _HAS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _SECOND_ARGUMENT = 0, 4, 24
"""Offsets in what the kernel shows a filter; of an argument, its lower 32 bits."""
_X32 = 0x40000000

_ANYWHERE = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_open": 434,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
    "landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446, "memfd_secret": 447,
    "process_mrelease": 448, "futex_waitv": 449, "cachestat": 451, "futex_wake": 454, "futex_wait": 455,
    "futex_requeue": 456, "statmount": 457, "listmount": 458, "open_tree_attr": 467,
}  # fmt: skip
"""Since number 424 all architectures count alike."""
_X86_64 = {
    "clone": 56, "fork": 57, "vfork": 58, "kill": 62, "tkill": 200, "tgkill": 234, "rt_sigqueueinfo": 129,
    "rt_tgsigqueueinfo": 297, "socket": 41, "socketpair": 53, "connect": 42, "accept": 43, "accept4": 288, "bind": 49,
    "listen": 50, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "mount": 165,
    "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308, "execveat": 322,
    "memfd_create": 319, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "keyctl": 250, "add_key": 248,
    "request_key": 249, "init_module": 175, "finit_module": 313, "delete_module": 176, "kexec_load": 246,
    "kexec_file_load": 320, "open_by_handle_at": 304, "personality": 135, "syslog": 103, "acct": 163, "swapon": 167,
    "reboot": 169, "quotactl": 179, "sethostname": 170, "setdomainname": 171, "iopl": 172, "ioperm": 173,
    "settimeofday": 164, "clock_settime": 227, "adjtimex": 159, "nfsservctl": 180, "mbind": 237, "set_mempolicy": 238,
    "migrate_pages": 256, "move_pages": 279, "fanotify_init": 300, "vhangup": 153, "shmget": 29, "shmat": 30,
    "msgget": 68, "semget": 64, "mq_open": 240, "io_setup": 206, "modify_ldt": 154, "swapoff": 168,
    "clock_adjtime": 305, "vmsplice": 278, "splice": 275, "tee": 276, "inotify_init": 253, "inotify_init1": 294,
    "inotify_add_watch": 254, "inotify_rm_watch": 255, "fanotify_mark": 301, "sync": 162, "syncfs": 306, "flock": 73,
    "timer_create": 222, "setpriority": 141, "ioprio_set": 251,
}  # fmt: skip
_AARCH64 = {
    "clone": 220, "kill": 129, "tkill": 130, "tgkill": 131, "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240,
    "socket": 198, "socketpair": 199, "connect": 203, "accept": 202, "accept4": 242, "bind": 200, "listen": 201,
    "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "mount": 40, "umount2": 39,
    "pivot_root": 41, "chroot": 51, "unshare": 97, "setns": 268, "execveat": 281, "memfd_create": 279, "bpf": 280,
    "perf_event_open": 241, "userfaultfd": 282, "keyctl": 219, "add_key": 217, "request_key": 218, "init_module": 105,
    "finit_module": 273, "delete_module": 106, "kexec_load": 104, "kexec_file_load": 294, "open_by_handle_at": 265,
    "personality": 92, "syslog": 116, "acct": 89, "swapon": 224, "reboot": 142, "quotactl": 60, "sethostname": 161,
    "setdomainname": 162, "settimeofday": 170, "clock_settime": 112, "adjtimex": 171, "mbind": 235,
    "set_mempolicy": 237, "migrate_pages": 238, "move_pages": 239, "fanotify_init": 262, "vhangup": 58, "shmget": 194,
    "shmat": 196, "msgget": 186, "semget": 190, "mq_open": 180, "io_setup": 0, "swapoff": 225, "clock_adjtime": 266,
    "vmsplice": 75, "splice": 76, "tee": 77, "inotify_init1": 26, "inotify_add_watch": 27, "inotify_rm_watch": 28,
    "fanotify_mark": 263, "sync": 81, "syncfs": 267, "flock": 32, "timer_create": 107, "setpriority": 140,
    "ioprio_set": 30,
}  # fmt: skip
_MACHINES = {"x86_64": (0xC000003E, 72, 202, _X86_64), "aarch64": (0xC00000B7, 25, 98, _AARCH64)}
"""machine -> (architecture of the kernel's records, numbers of fcntl and futex, forbidden calls of its own)."""
_CLONE3 = 435
NEWEST = 467
"""The highest number that the tables know, of open_tree_attr (Linux 6.15)."""
_FUTEX_PRIVATE = 128
"""A flag: what is waited for lies in this process, not in a page that others have as well."""
_FCNTL_ALLOWED = (0, 1, 2, 3, 4, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: no locks, leases, owners of signals, sizes of pipes."""


def is_supported() -> bool:
    """Whether there is a filter for this machine."""
    return os.name == "posix" and platform.system() == "Linux" and platform.machine() in _MACHINES


def forbidden_calls() -> dict[str, int]:
    """Name -> number, on this machine."""
    return {**_MACHINES[platform.machine()][-1], **_ANYWHERE, "clone3": _CLONE3}


def filter_program() -> bytes:
    """The filter as the kernel and bubblewrap read it: 8 bytes an instruction."""
    architecture, fcntl, futex, own = _MACHINES[platform.machine()]
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_GREATER_EQUAL, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL if platform.machine() == "x86_64" else _ERRNO | errno.ENOSYS),
        (_GREATER_EQUAL, 1, 0, NEWEST + 1),
        (_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
    ]
    for number in sorted({*own.values(), *_ANYWHERE.values()}):
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    program += [(_EQUAL, 0, 4, futex), (_LOAD, 0, 0, _SECOND_ARGUMENT), (_HAS, 0, 1, _FUTEX_PRIVATE)]
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    program += [(_EQUAL, 1, 0, fcntl), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, _SECOND_ARGUMENT)]
    for command in _FCNTL_ALLOWED:
        program += [(_EQUAL, 0, 1, command), (_RETURN, 0, 0, _ALLOW)]
    program.append((_RETURN, 0, 0, _ERRNO | errno.EPERM))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)
