"""Many files read into one table: over HTTP, or through Ray Data on the cluster."""
