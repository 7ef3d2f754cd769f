"""Becomes a server's process: dies with its parent, under a user id that the server accepts.

`python child.py PARENT_PID DEATH_SIGNAL IDENTITY COMMAND...`; standard library only. IDENTITY is
`self`, `namespace:UID:GID` (we keep our id, but look like UID inside) or `user:UID:GID`.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
CLONE_NEWUSER = 0x10000000  # linux/sched.h


def libc_call(name: str, *arguments: int) -> None:
    """Calls a C function that answers 0; raises OSError otherwise."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def enter_namespace(uid: int, gid: int) -> None:
    """Maps our own ids to others in a new user namespace; outside, files stay ours."""
    maps = {"uid_map": f"{uid} {os.geteuid()} 1", "gid_map": f"{gid} {os.getegid()} 1"}
    libc_call("unshare", CLONE_NEWUSER)
    for name, text in {"setgroups": "deny", **maps}.items():
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def take_identity(identity: str) -> None:
    """Takes the user id that IDENTITY names."""
    kind, _, ids = identity.partition(":")
    if kind == "self":
        return
    uid, gid = (int(part) for part in ids.split(":"))
    if kind == "namespace":
        enter_namespace(uid, gid)
    else:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def die_with(parent: int, death_signal: int) -> None:
    """Asks the kernel for a signal when the parent dies; must come after every change of ids."""
    if sys.platform == "linux":
        libc_call("prctl", PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)


def main() -> None:
    """Takes the identity, ties the life to the parent's, becomes COMMAND."""
    parent, death_signal, identity, *command = sys.argv[1:]
    try:
        take_identity(identity)
        die_with(int(parent), int(death_signal))
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error}\n")
        sys.exit(126)


if __name__ == "__main__":
    main()
