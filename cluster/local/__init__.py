"""Clusters on this machine: of one node for a user, of several for tests and measurements."""
