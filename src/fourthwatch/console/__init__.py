"""Where analysts work: pages over the management API, rendered here; everything they show is asked of it."""
