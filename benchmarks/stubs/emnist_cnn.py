"""See obedient."""

from benchmarks.stubs.obedient import obedient

SPEC = obedient("emnist_cnn")
