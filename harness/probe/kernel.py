"""What Python's standard library does not ask of the Linux kernel: namespaces, mounts, Landlock, seccomp."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import signal
import socket
import struct

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_NOATIME, MS_NODIRATIME, MS_BIND, MS_REC, MS_PRIVATE, MS_RELATIME = 1024, 2048, 4096, 16384, 1 << 18, 1 << 21
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 36, 38, 47
SECCOMP_MODE_FILTER = 2
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
AF_VSOCK = 40
X32_CALLS = 0x40000000  # from this number on, calls of x86-64 with short pointers: the same, with other numbers
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
KEYRINGS = ("add_key", "request_key", "keyctl")
IPC = ("shmget", "semget", "msgget", "mq_open")
_NAMES = ("pivot_root", "clone", "unshare", "clone3", "socket", *KEYRINGS, *IPC)
CALLS = {  # asm/unistd.h
    "x86_64": dict(zip(_NAMES, (155, 56, 272, 435, 41, 248, 249, 250, 29, 64, 68, 240), strict=True)),
    "aarch64": dict(zip(_NAMES, (41, 220, 97, 435, 198, 217, 218, 219, 194, 190, 186, 180), strict=True)),
}
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446  # the same on both

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Leave namespaces for new ones.

    Raises:
        OSError: The kernel refuses.
    """
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount.

    Raises:
        OSError: The kernel refuses; the target is in the message.
    """
    arguments = (source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode())
    _checked(_libc.mount(*arguments), f"mount {target}")


def bind(source: str, target: str, *, writable: bool = False, devices: bool = False) -> None:
    """Show a file or a folder at another place, read-only unless it is a device.

    Raises:
        OSError: The kernel refuses.
    """
    mount(source, target, flags=MS_BIND)
    own = os.statvfs(target).f_flag
    # What the original is mounted with may not be taken away in a user namespace.
    kept = own & (MS_NOEXEC | MS_NOSUID | MS_NODEV) | (MS_NOATIME if own & os.ST_NOATIME else MS_RELATIME)
    kept |= MS_NODIRATIME if own & os.ST_NODIRATIME else 0
    more = MS_NOSUID | (0 if writable else MS_RDONLY) | (0 if devices else MS_NODEV)
    mount("", target, flags=MS_BIND | MS_REMOUNT | kept | more)


def pivot(root: str) -> None:
    """Make a mount the root of everything that this process sees.

    Raises:
        OSError: The kernel refuses.
    """
    os.chdir(root)
    _checked(_libc.syscall(CALLS[platform.machine()]["pivot_root"], b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", MNT_DETACH), "umount")
    os.chdir("/")


def prctl(option: int, value: int, more: int = 0) -> None:
    """Ask for something that concerns this process alone; where the kernel refuses, go on without."""
    _libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(more), 0, 0)


def end_with_parent() -> None:
    """Let this process end when the thread that started it does, and so when its process is killed."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def raise_loopback() -> None:
    """Bring up the loopback interface of a new network namespace.

    Raises:
        OSError: The kernel refuses.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        name = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(one, SIOCGIFFLAGS, name))[1]
        fcntl.ioctl(one, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def renounce(*, own_ipc: bool) -> None:
    """Give up for ever, with all that follows: new privileges, capabilities, and what the filter refuses."""
    for capability in range(64):
        prctl(PR_CAPBSET_DROP, capability)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    program = filter_program(own_ipc=own_ipc)
    if program:
        buffer = ctypes.create_string_buffer(program, len(program))
        header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
        _libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.create_string_buffer(header, len(header)), 0, 0)


def filter_program(*, own_ipc: bool) -> bytes:
    """A seccomp filter that refuses what no namespace holds.

    In a user namespace, a process is its own root again. Keyrings belong to a user, and sockets of the virtual machine
    to the machine: both lead from one function to another, and keyrings outlive them. ``clone3`` hides its flags in
    memory: it is answered as if it were unknown, and the C library uses ``clone``. So are the calls of another
    architecture.

    Args:
        own_ipc: Whether the process is in an IPC namespace of its own. Where it is not, it gets no such objects.
    """
    if platform.machine() not in CALLS:
        return b""
    calls, architecture = CALLS[platform.machine()], ARCHITECTURES[platform.machine()]
    load, equal, above, has, end = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF_LD|W|ABS, JMP|JEQ|K, JMP|JGE|K, JMP|JSET|K, RET|K
    allow, refuse = 0x7FFF0000, 0x00050000
    unknown = [calls[name] for name in ("clone3", *KEYRINGS, *(() if own_ipc else IPC))]
    rules = [
        (load, 0, 0, 4),  # the architecture
        (equal, 1, 0, architecture),
        (end, 0, 0, refuse | errno.ENOSYS),
        (load, 0, 0, 0),  # the number of the call
        (above, 0, 1, X32_CALLS),
        (end, 0, 0, refuse | errno.ENOSYS),
    ]
    for number in unknown:
        rules += [(equal, 0, 1, number), (end, 0, 0, refuse | errno.ENOSYS)]
    for name, test, value, error in (
        ("clone", has, CLONE_NEWUSER, errno.EPERM),
        ("unshare", has, CLONE_NEWUSER, errno.EPERM),
        ("socket", equal, AF_VSOCK, errno.EAFNOSUPPORT),
    ):
        rules += [
            (equal, 0, 4, calls[name]),
            (load, 0, 0, 16),  # the lower half of its first argument
            (test, 0, 1, value),
            (end, 0, 0, refuse | error),
            (end, 0, 0, allow),
        ]
    rules.append((end, 0, 0, allow))
    return b"".join(struct.pack("HBBI", *rule) for rule in rules)


class Landlock:
    """What the kernel lets a process of an ordinary user give up: files, TCP and signals outside of its own kind."""

    EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
    READ = EXECUTE | READ_FILE | READ_DIR

    def __init__(self) -> None:
        """Find out what this kernel offers.

        Attributes:
            abi: 0 where it has no Landlock; TCP from 4 on, signals from 6 on.
        """
        self.abi = max(0, int(_libc.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)))

    def restrict(self, readable: list[str], writable: list[str]) -> None:
        """Let this process, and all that it starts, touch nothing else, for ever.

        Raises:
            OSError: The kernel refuses.
        """
        # All that an ABI knows: a right that is not handled is not restricted. linux/landlock.h
        rights = {1: 13, 2: 14, 3: 15, 4: 15}.get(self.abi, 16)
        files = (1 << rights) - 1
        handled = struct.pack("QQQ", files, 0, 3 if self.abi >= 6 else 0)  # noqa: PLR2004 - an ABI's number
        size = 8 if self.abi < 4 else 16 if self.abi < 6 else 24  # noqa: PLR2004 - the same
        rules = _checked(_libc.syscall(LANDLOCK_CREATE, handled[:size], ctypes.c_size_t(size), 0), "landlock")
        for paths, rights in ((readable, self.READ), (writable, files)):
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    self._allow(rules, path, rights)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        _checked(_libc.syscall(LANDLOCK_RESTRICT, rules, 0), "landlock")
        os.close(rules)

    def _allow(self, rules: int, path: str, rights: int) -> None:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not os.path.isdir(path):
                rights &= self.EXECUTE | self.WRITE_FILE | self.READ_FILE | (1 << 14)
            rule = struct.pack("=Qi", rights, descriptor)
            _checked(_libc.syscall(LANDLOCK_ADD, rules, 1, rule, 0), f"landlock {path}")
        finally:
            os.close(descriptor)
