"""What a team lead asks of past tickets: how long, how good, how often, how much is open.

`analyze` turns a table into a typed `Analytics`; `to_page` writes that down for people. It does not know where tables
or pages are kept.
"""

from tickets.analytics.analyze import analyze
from tickets.analytics.report import to_page
from tickets.analytics.result import Analytics

__all__ = ["Analytics", "analyze", "to_page"]
