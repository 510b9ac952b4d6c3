"""From ticket history to a release: what can be learned, how it is cut, swept, fitted and judged."""
