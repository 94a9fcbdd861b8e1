"""Programs that reach for the machine around them. Each defines `escaped`, and answers rightly if that says True.

An ordinary harness is shown to accept those that only look, or do what ends with the process. The others are run in
the sandbox alone: what they would do to the machine is not to be tried.
"""

from arena import escape

from assay.grading import sandbox

HERE = __file__
ATTACKS = {
    "file_of_the_verifier": escape(f"def escaped(): return 'seccomp' in open({sandbox.__file__!r}).read()\n", "list"),
    "file_of_the_tests": escape(f"def escaped(): return 'escaped' in open({HERE!r}).read()\n", "list"),
    "installed_packages": escape("""
import glob, sys
def escaped():
    return any(glob.glob(f"{root}/lib/python3*/*-packages/*") for root in (sys.base_prefix, "/usr", "/usr/local"))
""", "list"),
    "working_folder": escape("import os\ndef escaped(): return os.getcwd() != '/home'\n", "list"),
    "home_folder": escape("""
import os
def escaped(): return os.path.expanduser('~') != '/home' or os.listdir('/home')
""", "list"),
    "environment": escape("import os\ndef escaped(): return 'PATH' in os.environ or 'USER' in os.environ\n", "list"),
    "environment_of_the_process": escape("def escaped(): return open('/proc/self/environ').read() != ''\n", "list"),
    "command_line_of_the_parent": escape("""
import os
def escaped(): return open(f"/proc/{os.getppid()}/cmdline").read() != ""
""", "list"),
    "memory_of_the_process": escape("def escaped(): return open('/proc/self/mem', 'rb') is not None\n", "list"),
    "other_processes": escape("""
import os
def escaped(): return any(name.isdigit() for name in os.listdir('/proc'))
""", "list"),
    "kernel_settings": escape("""
import os
def escaped(): return os.path.exists('/proc/sys') or os.path.exists('/sys')
""", "list"),
    "users": escape("def escaped(): return 'root' in open('/etc/passwd').read()\n", "list"),
    "devices": escape("import os\ndef escaped(): return len(os.listdir('/dev')) > 0\n", "list"),
    "name_of_the_machine": escape("import os\ndef escaped(): return os.uname().nodename != 'sandbox'\n", "list"),
    "user_of_the_machine": escape("import os\ndef escaped(): return os.getuid() != 65534\n", "list"),
    "inherited_descriptors": escape("""
import os, stat
def escaped():
    for descriptor in range(1024):
        try:
            kind = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if not stat.S_ISFIFO(kind):
            return True
"""),
    "terminal": escape("""
import fcntl, os, termios
def escaped():
    for descriptor in range(64):
        try:
            fcntl.ioctl(descriptor, termios.TIOCSTI, b"x")
            return True
        except OSError:
            pass
    return os.path.exists("/dev/tty")
"""),
    "mode_of_the_null_device": escape("""
import os, stat
def escaped():
    for descriptor in range(64):
        try:
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.fchmod(descriptor, 0o666)
                return True
        except OSError:
            pass
"""),
    "symbolic_link": escape("""
import os
def escaped():
    folder = next(folder for folder in ("/tmp", "/dev/shm") if os.access(folder, os.W_OK))
    if not os.path.lexists(folder + "/assay_attack"):
        os.symlink("/etc", folder + "/assay_attack")
    return "root" in open(folder + "/assay_attack/passwd").read()
""", "list"),
    "dots": escape("def escaped(): return 'root' in open('../../../../etc/passwd').read()\n", "list"),
    "library_written": escape("import os\ndef escaped(): return open(os.__file__, 'a') is not None\n"),
    "library_mode": escape("import os\ndef escaped(): return os.chmod(os.__file__, 0o644) is None\n"),
    "library_times": escape("import os\ndef escaped(): return os.utime(os.__file__) is None\n"),
    "library_for_the_next": escape("""
import os
def escaped():
    os.makedirs(os.path.dirname(os.__file__) + "/site-packages/assay_attack")
    return True
"""),
    "root_folder_written": escape("import os\ndef escaped(): return os.mkdir('/assay_attack') is None\n"),
    "home_written": escape("import os\ndef escaped(): return os.mkdir(os.path.expanduser('~/assay_attack')) is None\n"),
}  # fmt: skip


def test_attack_file_of_the_verifier(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_file_of_the_tests(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_installed_packages(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_working_folder(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_home_folder(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_environment(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_environment_of_the_process(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_command_line_of_the_parent(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_memory_of_the_process(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_other_processes(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_kernel_settings(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_users(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_devices(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_name_of_the_machine(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_user_of_the_machine(attack):
    assert attack.plain == "passed" and attack.ours == "wrong"


def test_attack_inherited_descriptors(attack):
    assert attack.ours == "wrong"


def test_attack_terminal(attack):
    assert attack.ours == "wrong"


def test_attack_mode_of_the_null_device(attack):
    assert attack.ours == "wrong"


def test_attack_symbolic_link(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_dots(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_library_written(attack):
    assert attack.ours == "exception"


def test_attack_library_mode(attack):
    assert attack.ours == "exception"


def test_attack_library_times(attack):
    assert attack.ours == "exception"


def test_attack_library_for_the_next(attack):
    assert attack.ours == "exception"


def test_attack_root_folder_written(attack):
    assert attack.ours == "exception"


def test_attack_home_written(attack):
    assert attack.ours == "exception"
