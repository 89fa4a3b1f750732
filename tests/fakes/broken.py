"""See stub_engines."""

from tests.fakes.stub_engines import refuse, says_when_wide, spec_of

SPEC = spec_of("broken", says_when_wide("steady", 600, refuse))
