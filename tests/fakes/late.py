"""An engine that is loaded when somebody allows it: as soon as the folder of the cache has a file of its name."""

import time
from dataclasses import replace

from ocr import Engine, LoadOptions
from tests.fakes.stub_engines import says, spec_of

_SPEC = spec_of("late", says("late"))


def load(options: LoadOptions) -> Engine:
    assert options.cache_dir is not None
    while not (options.cache_dir / "late").exists():
        time.sleep(0.05)
    return _SPEC.load(options)


SPEC = replace(_SPEC, load=load)
