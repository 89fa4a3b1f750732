from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import socket
import subprocess
from pathlib import Path

import pytest

from cluster import preflight
from cluster.preflight import Finding, Verdict


def test_a_finding_that_is_not_ok_cannot_be_without_a_remedy() -> None:
    with pytest.raises(ValueError, match="needs a remedy"):
        Finding("thing", Verdict.WARNING, "it is broken")


def test_a_program_that_is_there_is_named_by_its_path() -> None:
    found = preflight.program("reader", "reader-package", which=lambda name: f"/bin/{name}")
    assert found == Finding("reader", Verdict.OK, "/bin/reader")


def test_a_program_that_is_missing_names_the_package_that_brings_it() -> None:
    found = preflight.program("reader", "reader-package", which=lambda _name: None)
    assert found.verdict is Verdict.WARNING
    assert "reader-package" in found.remedy


def test_tesseract_without_a_language_names_the_package_of_the_language() -> None:
    found = preflight.tesseract_languages("tesseract", ("en", "de"), run=lambda _command: "List (1):\neng\n")
    assert found.verdict is Verdict.WARNING
    assert found.remedy == "apt-get install tesseract-ocr-deu"


def test_tesseract_with_every_language_is_ok() -> None:
    found = preflight.tesseract_languages("tesseract", ("en",), run=lambda _command: "List (2):\neng\nosd\n")
    assert found.verdict is Verdict.OK


@pytest.mark.parametrize("error", [FileNotFoundError("no such file"), subprocess.CalledProcessError(1, "tesseract")])
def test_a_tesseract_that_does_not_run_is_a_finding_and_not_an_exception(error: Exception) -> None:
    def run(_command: list[str]) -> str:
        raise error

    assert preflight.tesseract_languages("tesseract", run=run).verdict is Verdict.WARNING


def install(site: Path, name: str, files: dict[str, bytes]) -> None:
    """Put a distribution into `site` as an installer does: files, METADATA, RECORD; later ones overwrite earlier."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for path, content in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}")
    (info / "RECORD").write_text("\n".join(lines))


def cv2_owner_in(site: Path) -> Finding:
    def distribution(key: str) -> importlib.metadata.Distribution:
        found = importlib.metadata.Distribution.discover(name=key, path=[str(site)])
        try:
            return next(iter(found))
        except StopIteration:
            raise importlib.metadata.PackageNotFoundError(key) from None

    return preflight.cv2_owner(distribution)


HEADLESS = {"cv2/version.py": b"headless = True", "cv2/cv2.abi3.so": b"without a window"}
CONTRIB = {"cv2/version.py": b"headless = False", "cv2/cv2.abi3.so": b"with windows and more"}


def test_the_headless_distribution_that_was_installed_last_owns_cv2(tmp_path: Path) -> None:
    install(tmp_path, "opencv-contrib-python", CONTRIB)
    install(tmp_path, "opencv-python-headless", HEADLESS)
    assert cv2_owner_in(tmp_path) == Finding("cv2", Verdict.OK, "opencv-python-headless 1.0")


def test_a_contrib_distribution_that_was_installed_last_is_warned_about(tmp_path: Path) -> None:
    install(tmp_path, "opencv-python-headless", HEADLESS)
    install(tmp_path, "opencv-contrib-python", CONTRIB)
    found = cv2_owner_in(tmp_path)
    assert found.verdict is Verdict.WARNING
    assert "libGL" in found.detail


def test_a_cv2_with_files_of_both_belongs_to_nobody(tmp_path: Path) -> None:
    install(tmp_path, "opencv-python-headless", HEADLESS)
    install(tmp_path, "opencv-contrib-python", CONTRIB)
    (tmp_path / "cv2/version.py").write_bytes(HEADLESS["cv2/version.py"])
    assert cv2_owner_in(tmp_path).verdict is Verdict.FAILED


def test_no_opencv_at_all_is_said_so(tmp_path: Path) -> None:
    assert "not installed" in cv2_owner_in(tmp_path).detail


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = preflight.free_port("127.0.0.1", port)
    assert found.verdict is Verdict.FAILED
    assert f"--port {port + 1}" in found.remedy


def test_a_port_that_nobody_listens_on_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert preflight.free_port("127.0.0.1", port).verdict is Verdict.OK


@pytest.mark.parametrize(("available_mb", "verdict"), [(3999.0, Verdict.WARNING), (4000.0, Verdict.OK)])
def test_too_little_memory_is_a_warning(available_mb: float, verdict: Verdict) -> None:
    assert preflight.memory(available_mb, 4000.0).verdict is verdict


def test_a_model_that_is_missing_is_a_warning_with_the_stores_remedy(tmp_path: Path) -> None:
    found = preflight.model("trocr", "official", model_dir=tmp_path, cache_dir=tmp_path)
    assert found.verdict is Verdict.WARNING
    assert "MODEL_DIR" in found.remedy


def test_a_model_that_the_engine_brings_itself_is_ok(tmp_path: Path) -> None:
    assert preflight.model("tesseract", "auto", model_dir=tmp_path, cache_dir=tmp_path).verdict is Verdict.OK


def test_a_model_for_handwriting_that_is_missing_is_a_warning_too(tmp_path: Path) -> None:
    found = preflight.model("easyocr", "bundled", model_dir=tmp_path, cache_dir=tmp_path, handwriting="gone")
    assert found.verdict is Verdict.WARNING
    assert "'none'" in found.remedy
    both = preflight.model("easyocr", "bundled", model_dir=tmp_path, cache_dir=tmp_path)
    assert both.detail.endswith("handwriting")


def test_a_machine_without_tesseract_is_not_asked_for_its_languages() -> None:
    found = preflight.machine(
        host="127.0.0.1",
        port=0,
        engines=["tesseract"],
        available_mb=1.0,
        needed_mb=1.0,
        tesseract="no-such-program",
    )
    assert [finding.name for finding in found] == ["port 0", "memory", "cv2", "no-such-program"]


def test_a_machine_is_not_asked_for_programs_of_engines_that_are_not_configured() -> None:
    found = preflight.machine(
        host="127.0.0.1", port=0, engines=["trocr"], available_mb=1.0, needed_mb=1.0, tesseract="tesseract"
    )
    assert [finding.name for finding in found] == ["port 0", "memory", "cv2"]
