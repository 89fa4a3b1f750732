"""See stub_engines."""

from tests.fakes.stub_engines import exit_now, says_when_wide, spec_of

SPEC = spec_of("deadly", says_when_wide("steady", 600, exit_now))
