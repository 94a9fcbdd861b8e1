"""Programs that ask the kernel for what they should not have: a network, processes, namespaces, memory, tracing.

Each defines `escaped`, as those of test_escaping.py do.
"""

from arena import Attack, escape

SYSCALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def syscall(number, *arguments):
    arguments += (0,) * (6 - len(arguments))
    return libc.syscall(number, *(ctypes.c_long(each) if type(each) is int else each for each in arguments))
"""
ATTACKS: dict[str, Attack] = {
    "network": escape("import socket\ndef escaped(): return socket.socket(socket.AF_INET) is not None\n", "list"),
    "network_of_the_machine": escape("""
import socket
def escaped(): return bool(socket.socket(socket.AF_UNIX).connect_ex("/run/docker.sock") + 1)
""", "list"),
    "network_names": escape("import socket\ndef escaped(): return bool(socket.getaddrinfo('localhost', 80))\n", "list"),
    "network_of_the_kernel": escape("""
import socket
def escaped(): return bool(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
""", "list"),
    "socket_pair": escape("import socket\ndef escaped(): return bool(socket.socketpair())\n", "list"),
    "fork": escape("""
import os
def escaped():
    if (child := os.fork()) == 0:
        os._exit(0)
    return child > 0
""", "list"),
    "fork_of_the_kernel": escape(SYSCALL + "def escaped(): return syscall(56, 0x4000) >= 0 or syscall(58) >= 0\n"),
    "rules_of_landlock": escape(SYSCALL + """
def escaped(): return syscall(444, ctypes.byref((ctypes.c_uint64 * 1)(1)), 8, 0) >= 0
"""),
    "list_of_mounts": escape(SYSCALL + """
def escaped():
    asked = (ctypes.c_uint64 * 3)(24, 2**64 - 1, 0)
    return syscall(458, ctypes.byref(asked), ctypes.byref((ctypes.c_uint64 * 64)()), 64, 0) >= 0
"""),
    "waking_by_a_shared_page": escape(SYSCALL + """
import mmap, os
def escaped():
    with open(os.__file__, "rb") as shared:
        page = mmap.mmap(shared.fileno(), 4096, mmap.MAP_SHARED, mmap.PROT_READ)
        return page[0] >= 0 and syscall(202, 4096 * 16, 1, 1) >= 0
"""),
    "priority_of_the_group": escape("import os\ndef escaped(): return os.setpriority(os.PRIO_PGRP, 0, 19) is None\n"),
    "clone3": escape(SYSCALL + """
def escaped():
    made = syscall(435, ctypes.byref((ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)), 88)
    if made == 0:
        libc._exit(0)
    return made > 0
""", "list"),
    "shell": escape("import os\ndef escaped(): return os.system('true') == 0\n", "list"),
    "subprocess": escape("import subprocess\ndef escaped(): return bool(subprocess.run(['true']))\n", "list"),
    "spawn": escape("""
import os, sys
def escaped(): return os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {}) > 0
""", "list"),
    "exec_of_a_shell": Attack("import os\ndef f(n): os.execv('/bin/sh', ['sh', '-c', 'exit 0'])\n", plain="exit"),
    "signal_to_the_parent": escape("import os\ndef escaped(): return os.kill(os.getppid(), 0) is None\n", "list"),
    "signal_to_all": escape("import os\ndef escaped(): return os.kill(-1, 0) is None\n"),
    "signal_by_descriptor": escape("import os\ndef escaped(): return os.pidfd_open(os.getppid()) >= 0\n", "list"),
    "tracing": escape("import ctypes\ndef escaped(): return ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0\n"),
    "memory_of_the_parent": escape(SYSCALL + """
import os
def escaped():
    data = ctypes.create_string_buffer(8)
    there = (ctypes.c_uint64 * 2)(ctypes.addressof(data), 8)
    return syscall(310, os.getpid(), there, 1, there, 1) >= 0
""", "list"),
    "own_root": escape("import os\ndef escaped(): return os.chroot('/tmp') is None\n"),
    "own_user": escape("import os\ndef escaped(): return os.setuid(0) is None\n"),
    "own_namespace": escape("import ctypes\ndef escaped(): return ctypes.CDLL(None).unshare(0x10000000) == 0\n"),
    "right_of_the_nursery": escape("""
import ctypes, struct
def escaped():
    sets = ctypes.create_string_buffer(24)
    return ctypes.CDLL(None).capget(struct.pack("Ii", 0x20080522, 0), sets) or any(sets.raw)
"""),
    "right_by_exec": Attack("""
import os, sys
CODE = "import ctypes, os; libc = ctypes.CDLL(None)\\n"
CODE += "os._exit(libc.unshare(0x20000) and libc.mount(b'none', b'/home', b'tmpfs', 0, None) and 1)"
def f(n): os.execv(sys.executable, [sys.executable, "-S", "-c", CODE])
""", plain=None),
    "own_mount": escape("""
import ctypes
def escaped(): return ctypes.CDLL(None).mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0
"""),
    "mount_made_writable": escape("""
import ctypes
def escaped(): return ctypes.CDLL(None).mount(None, b"/", None, 32, None) == 0
"""),
    "higher_limits": escape("""
import resource
def escaped(): return resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2) is None
"""),
    "higher_priority": escape("import os\ndef escaped(): return os.nice(-5) is not None\n"),
    "file_in_memory": escape("import os\ndef escaped(): return os.memfd_create('a') >= 0\n", "list"),
    "queue_in_the_kernel": escape(SYSCALL + "def escaped(): return syscall(68, 0, 0o1600) >= 0\n"),
    "requests_in_the_kernel": escape(SYSCALL + """
def escaped(): return syscall(206, 1, ctypes.byref(ctypes.c_ulong(0))) == 0
"""),
    "io_uring": escape(SYSCALL + """
def escaped(): return syscall(425, 1, ctypes.create_string_buffer(120)) >= 0
"""),
    "userfaultfd": escape(SYSCALL + "def escaped(): return syscall(323, 1) >= 0\n"),
    "bpf": escape(SYSCALL + """
def escaped(): return syscall(321, 0, ctypes.byref((ctypes.c_uint32 * 4)(2, 4, 4, 1)), 16) >= 0
"""),
    "performance_counters": escape(SYSCALL + """
def escaped(): return syscall(298, ctypes.create_string_buffer(b"\\1\\0\\0\\0\\x70", 112), 0, -1, -1, 0) >= 0
"""),
    "keyring": escape(SYSCALL + "def escaped(): return syscall(250, 0, -3, 1) >= 0\n"),
    "call_of_tomorrow": escape(SYSCALL + """
def escaped(): return syscall(468) >= 0 or ctypes.get_errno() != 38
"""),
    "lock_of_a_shared_file": escape("""
import fcntl, os
file = open(os.__file__)
def escaped(): return fcntl.flock(file, fcntl.LOCK_SH) is None
"""),
    "lease_of_a_shared_file": escape("""
import fcntl, os
file = open(os.__file__)
def escaped(): return fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK) == 0
"""),
    "watch_of_a_shared_file": escape("import ctypes\ndef escaped(): return ctypes.CDLL(None).inotify_init() >= 0\n"),
    "call_of_another_table": escape(SYSCALL + "def escaped(): return syscall(0x40000000 + 39) > 0\n"),
    "call_of_another_machine": escape("""
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3]))
getpid = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
def escaped(): return getpid() > 0
"""),
}  # fmt: skip


def test_attack_network(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_network_of_the_machine(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_network_names(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_network_of_the_kernel(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_socket_pair(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_fork(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_fork_of_the_kernel(attack):
    assert attack.ours == "wrong"


def test_attack_clone3(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_shell(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_subprocess(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_spawn(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_exec_of_a_shell(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_signal_to_the_parent(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_signal_to_all(attack):
    assert attack.ours == "exception"


def test_attack_signal_by_descriptor(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_tracing(attack):
    assert attack.ours == "wrong"


def test_attack_memory_of_the_parent(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_own_root(attack):
    assert attack.ours == "exception"


def test_attack_own_user(attack):
    assert attack.ours == "exception"


def test_attack_own_namespace(attack):
    assert attack.ours == "wrong"


def test_attack_right_of_the_nursery(attack):
    assert attack.ours == "wrong"


def test_attack_right_by_exec(attack):
    """The status would be 0 with the right to make namespaces or mounts."""
    assert attack.reason == "killed: its process ended with status 1"


def test_attack_own_mount(attack):
    assert attack.ours == "wrong"


def test_attack_mount_made_writable(attack):
    assert attack.ours == "wrong"


def test_attack_higher_limits(attack):
    assert attack.ours == "exception"


def test_attack_higher_priority(attack):
    assert attack.ours == "exception"


def test_attack_file_in_memory(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_queue_in_the_kernel(attack):
    assert attack.ours == "wrong"


def test_attack_requests_in_the_kernel(attack):
    assert attack.ours == "wrong"


def test_attack_io_uring(attack):
    assert attack.ours == "wrong"


def test_attack_userfaultfd(attack):
    assert attack.ours == "wrong"


def test_attack_bpf(attack):
    assert attack.ours == "wrong"


def test_attack_performance_counters(attack):
    assert attack.ours == "wrong"


def test_attack_keyring(attack):
    assert attack.ours == "wrong"


def test_attack_call_of_tomorrow(attack):
    assert attack.ours == "wrong"


def test_attack_lock_of_a_shared_file(attack):
    assert attack.ours == "exception"


def test_attack_lease_of_a_shared_file(attack):
    assert attack.ours == "exception"


def test_attack_watch_of_a_shared_file(attack):
    assert attack.ours == "wrong"


def test_attack_call_of_another_table(attack):
    assert attack.ours == "killed"


def test_attack_call_of_another_machine(attack):
    assert attack.ours == "killed"
