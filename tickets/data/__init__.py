"""From any export to versioned tables of tickets."""
