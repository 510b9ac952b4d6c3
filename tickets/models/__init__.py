"""Classifiers: four families, their ensemble, and the model of one ticket. Plain Python, no cluster needed."""
