"""Bringing a cluster that serves from one version of the application to another."""
