"""What is wrong with tickets, how much of it, and what to do: checks, sums of what they find, and the report.

`check.py` says what a check is. `fields.py`, `relations.py`, `rules.py`, `duplicates.py`, `personal.py`, `language.py`,
`mapped.py` and `plugged.py` make them; `checks.py` builds and runs all of them; `outcome.py` marks and refuses tickets.
`tally.py` and `profile.py` add up batches, `assemble.py` makes the sums a report (`report.py`), `report_page.py` shows
it. `quarantine.py` masks the rows that were refused. It does not know files or Ray.
"""
