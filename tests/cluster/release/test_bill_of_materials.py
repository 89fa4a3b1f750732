"""What Quorum is made of: nothing of the lock and nothing that is bundled is left out."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cluster.licence_notice import LOCK, read_lock
from cluster.release.bill_of_materials import bill_of_materials, hashes_of

_A, _B = "a" * 64, "b" * 64


def test_every_pin_of_the_lock_is_named_with_its_licence_and_the_files_that_it_may_be(tmp_path: Path) -> None:
    lock = LOCK.read_text()
    components = bill_of_materials("1.2.3", lock, tmp_path)["components"]
    pins = {(locked.name, version) for locked in read_lock(lock) for version in locked.versions}
    assert {(each["name"], each["version"]) for each in components} == pins
    assert all(each["licenses"][0]["expression"] and each["properties"] for each in components)


def test_a_bundled_model_is_named_with_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "weights.bin").write_bytes(b"weights")
    [model] = bill_of_materials("1.2.3", "", tmp_path)["components"]
    assert (model["type"], model["name"]) == ("machine-learning-model", "letters/weights.bin")
    assert model["licenses"] == [{"expression": "MIT"}]
    assert model["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(b"weights").hexdigest()}]


def test_a_bundled_model_with_terms_of_its_own_is_named_with_them(tmp_path: Path) -> None:
    (tmp_path / "letters" / "graphs").mkdir(parents=True)
    (tmp_path / "letters" / "metadata.json").write_text('{"licence": "CC-BY-SA-4.0"}')
    (tmp_path / "letters" / "graphs" / "weights.bin").write_bytes(b"weights")
    (tmp_path / "print.bin").write_bytes(b"weights")
    models = bill_of_materials("1.2.3", "", tmp_path)["components"]
    licences = {each["name"]: each["licenses"][0]["expression"] for each in models}
    assert licences == {
        "letters/graphs/weights.bin": "CC-BY-SA-4.0",
        "letters/metadata.json": "CC-BY-SA-4.0",
        "print.bin": "MIT",
    }


def test_hashes_belong_to_the_pin_above_them() -> None:
    lock = f"one==1.0 \\\n    --hash=sha256:{_A}\ntwo==2.0 ; sys_platform == 'linux' \\\n    --hash=sha256:{_B}\n"
    assert hashes_of(lock) == {"one==1.0": [_A], "two==2.0": [_B]}
