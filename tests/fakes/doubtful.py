"""See stub_engines."""

from tests.fakes.stub_engines import says, spec_of

SPEC = spec_of("doubtful", says("steady", 0.3))
