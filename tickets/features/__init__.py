"""What a model sees of a ticket: fitted once on the training rows, the same in a batch job and in a replica."""
