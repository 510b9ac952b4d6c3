"""How sure a prediction is, and what may be done with it. It does not know models, tickets or where rows come from."""
