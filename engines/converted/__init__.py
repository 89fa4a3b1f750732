"""Networks of the makers' frameworks as OpenVINO's graphs, which read on a CPU without the framework.

A model directory stays what it is. Its converted form is a folder of `NAME.xml` and `NAME.bin` with `converted.json`,
which says what it was made from: `openvino/` in the model directory where somebody put it there, as for the bundled
models, else one in the cache. `python -m engines.converted ENGINE MODEL FOLDER` makes it, in a process of its own:
whoever reads never imports the framework.
"""
