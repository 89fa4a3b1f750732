"""See stub_engines."""

from tests.fakes.stub_engines import says, spec_of

SPEC = spec_of("letter", says("a"))
