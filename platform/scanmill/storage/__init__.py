"""A URI in, bytes or a local staged file out: local files and S3-compatible stores behind one small face."""

from scanmill.storage.mounts import is_network_filesystem
from scanmill.storage.open_store import open_store
from scanmill.storage.roots import Roots
from scanmill.storage.store import Store

__all__ = ["Roots", "Store", "is_network_filesystem", "open_store"]
