"""The arithmetic of suspicion: floods, addresses, nonces, marks.  Time is always an argument."""
