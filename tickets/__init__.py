"""Support ticket intelligence on Ray: triage, resolve and monitor, learned from an organisation's own tickets."""
