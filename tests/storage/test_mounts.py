import pytest

from scanmill.storage import is_network_filesystem, mounts

TABLE = r"""/dev/sda / ext4 rw 0 0
nas:/export /mnt/nas nfs4 rw 0 0
//win/share /mnt/with\040space cifs rw 0 0
me@host: /home/me/far fuse.sshfs rw 0 0
/dev/sdb /mnt/nas/disk xfs rw 0 0
tmpfs /over tmpfs rw 0 0
mds@tcp:/l /over lustre rw 0 0
overlay /layers fuse.fuse-overlayfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "remote"),
    [
        ("/data/run", False),
        ("/mnt/nas", True),
        ("/mnt/nas/not/yet/there", True),
        ("/mnt/nasty", False),
        ("/mnt/nas/disk/run", False),
        ("/mnt/with space/run", True),
        ("/home/me/far/run", True),
        ("/over/run", True),
        ("/layers/run", False),
    ],
)
def test_the_deepest_mount_decides(path, remote, tmp_path, monkeypatch):
    (tmp_path / "mounts").write_text(TABLE)
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "mounts")
    assert is_network_filesystem(path) is remote


def test_without_a_mount_table_nothing_is_remote(tmp_path, monkeypatch):
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "none")
    assert is_network_filesystem("/mnt/nas") is False


def test_this_machines_temporary_folder_is_local(tmp_path):
    assert is_network_filesystem(tmp_path) is False
