"""Engines under the names of the real five that need no model, take a fixed time for a batch, and misbehave on demand.

A module has one SPEC, so each has a file of its own; named in a configuration by import path, `benchmarks.stubs.trocr`.
"""
