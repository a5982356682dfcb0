"""What a team declares: limen.yaml, criteria, intended use, units. Imports nothing of Limen but its error."""
