"""Past tickets: stored, found by meaning and by words, and ordered by evidence. Plain Python, no cluster needed."""
