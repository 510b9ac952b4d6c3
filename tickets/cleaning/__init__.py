"""What mail adds to the words of its sender, taken out of texts: markup, quotes, signatures, notices.

`cleaner.py` runs the steps; `html.py`, `encoding.py`, `quotes.py`, `automatic.py`, `disclaimer.py` and `signature.py`
hold one each, `lines.py` what several of them share. It does not know files, Ray, or where originals are kept.
"""

from tickets.cleaning.cleaner import Cleaned, CleanedColumn, Cleaner, build_cleaner

__all__ = ["Cleaned", "CleanedColumn", "Cleaner", "build_cleaner"]
