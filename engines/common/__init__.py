"""What engines share that needs no framework."""
