"""Whether a path lies on a network file system, where SQLite's locks and its write-ahead log do not hold."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import psutil

NETWORK = frozenset(
    [
        "afpfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "fhgfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "pvfs2",
        "smb2",
        "smb3",
        "smbfs",
        "webdav",
    ]
)
LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs", "fuse.ntfs", "fuse.ntfs-3g", "fuse.mergerfs", "fuse.lxcfs"})


class Mount(Protocol):
    """What `psutil.disk_partitions` tells of a mounted file system."""

    mountpoint: str
    fstype: str


def network_file_system(path: Path, mounts: Iterable[Mount] | None = None) -> str:
    """The type of the network file system that ``path`` (which need not exist) lies on, or "" on a local disk."""
    path = path.absolute()
    there = next(parent for parent in (path, *path.parents) if parent.exists()).resolve()
    known = psutil.disk_partitions(all=True) if mounts is None else mounts
    holding = [mount for mount in known if there.is_relative_to(mount.mountpoint)]
    if not holding:
        return ""
    kind = max(holding, key=lambda mount: len(mount.mountpoint)).fstype.lower()
    fuse = kind.startswith("fuse.") and kind not in LOCAL_FUSE
    return kind if kind in NETWORK or fuse else ""
