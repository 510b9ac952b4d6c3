"""Where bytes are kept: a root that is a local folder or a prefix of an S3 bucket, and exports from anywhere.

`root.py` is what the rest of the house uses; `files.py` holds the two kinds of root; `exports.py` reads what others
wrote; `digests.py` names content. The only home of fsspec. It does not know what the bytes mean.
"""

from tickets.storage.digests import digest_dir, digest_file, digest_files
from tickets.storage.exports import PACKED, find_exports, open_export, stamp_of
from tickets.storage.root import Storage

__all__ = ["PACKED", "Storage", "digest_dir", "digest_file", "digest_files", "find_exports", "open_export", "stamp_of"]
