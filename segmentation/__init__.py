"""From the pixels of a page to upright lines in reading order, and the steps that clean an image before.

    segmenter = load(LoadOptions(model=directory_of_the_detector), file_of_the_classifier, file_of_a_recogniser)
    page = segmenter.segment(image)

Rooms: `detection/` finds pieces of text and groups them into lines, `files/` decodes images and renders the pages of
documents. Beside them stand what a page goes through: preprocessing, orientation, rotation, reading order, characters,
material; `loading.load` puts them together.

Importing this package loads nothing, so that the programs of `files/` start in a fraction of a second; its modules load
OpenCV and numpy, and `load` ONNX Runtime. It knows no engine, no Ray and no place where models are stored.
"""
