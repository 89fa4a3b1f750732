"""The model store: what the makers of the engines publish, fetched on command, checked, and kept under MODEL_DIR.

    models.toml    the catalogue: which models there are, where they come from, their pinned revision and sha256
    catalogue.py   that file as typed values
    model_store.py where things lie under MODEL_DIR, and what is recorded about them
    locking.py     one process at a time
    downloading.py one file over HTTP, resumed where it was cut
    hub.py         one file of a Hugging Face repository, through huggingface_hub
    pulling.py     a whole model: fetch, check, move into place
    verifying.py   is everything still what it was
    archive.py     one file for a network that reaches no hub, and back
    docs_page.py   the catalogue as docs/models.md shows it

Engines never call any of this: a model is fetched by `quorum models`, and an engine is given the path of a directory.
No framework and no Ray is imported.
"""
