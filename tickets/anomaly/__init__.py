"""How unusual a ticket is, alone and among those that arrive with it. It does not know models, indexes or storage."""
