"""Cases, readers, approvals, leakage, in-silico cohorts."""
