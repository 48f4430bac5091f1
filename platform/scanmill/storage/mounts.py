"""Whether a path lies on a network file system, where SQLite's locks cannot be trusted."""

from __future__ import annotations

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/mounts")
NETWORK_TYPES = frozenset(
    {"9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fhgfs", "glusterfs", "gpfs", "lustre", "ncpfs"}
    | {"nfs", "nfs4", "ocfs2", "orangefs", "panfs", "prl_fs", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf", "wekafs"}
)
LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs", "fuse.lxcfs", "fuse.encfs", "fuse.gocryptfs", "fuse.mergerfs"})


def is_network_filesystem(path: str | Path) -> bool:
    """Whether ``path`` (which need not exist yet) lies on NFS, SMB, Lustre, a FUSE mount of something remote, ...

    Reads /proc/mounts; without it (not Linux) the answer is False.
    """
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    kind = filesystem_type(os.path.realpath(path), mounts)
    return kind in NETWORK_TYPES or (kind.startswith("fuse.") and kind not in LOCAL_FUSE)


def filesystem_type(real_path: str, mounts: str) -> str:
    """The type of the deepest mount above ``real_path``; of two mounts on one folder the later counts.

    >>> filesystem_type("/home/runs", "/dev/sda / ext4 rw 0 0\\nserver:/x /home nfs4 rw 0 0")
    'nfs4'
    """
    deepest, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        folder = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), fields[1])
        if len(folder) >= deepest and _is_above(folder, real_path):
            deepest, kind = len(folder), fields[2]
    return kind


def _is_above(folder: str, path: str) -> bool:
    return folder == "/" or path == folder or path.startswith(folder + "/")
