"""See stub_engines."""

from tests.fakes.stub_engines import says_when_wide, sleep_long, spec_of

SPEC = spec_of("slow", says_when_wide("steady", 600, sleep_long), batch_size=1)
