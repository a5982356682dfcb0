"""The steps of a run, wiring the rooms to the evidence graph."""
