from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from cluster.licence_notice import (
    LOCK,
    PROGRAMS,
    Locked,
    installed_metadata,
    is_strong_copyleft,
    licence_of,
    read_lock,
    render,
)
from ocr.errors import InvalidRequest

NOTICE = Path(__file__).parents[2] / "NOTICE.md"
LOCKED = read_lock(LOCK.read_text())


def rows() -> dict[str, tuple[str, str]]:
    """Name -> (versions, licence) of the last table of the notice."""
    table = NOTICE.read_text().partition("## Python distributions")[2]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return {name: (versions, licence) for name, versions, licence in cells[2:]}


def test_the_notice_names_exactly_what_the_lock_names() -> None:
    listed = {name: versions for name, (versions, _) in rows().items()}
    assert listed == {locked.name: ", ".join(locked.versions) for locked in LOCKED}, "run make notice"


def test_the_rest_of_the_notice_is_what_the_generator_writes() -> None:
    title = "## Python distributions"
    assert NOTICE.read_text().partition(title)[0] == render([]).partition(title)[0], "run make notice"


def test_each_licence_in_the_notice_is_the_one_that_the_installed_distribution_declares() -> None:
    here = {locked.name: installed_metadata(locked.name) for locked in LOCKED}  # some are for other platforms
    declared = {name: licence_of(name, metadata) for name, metadata in here.items() if metadata is not None}
    assert {name: rows()[name][1] for name in declared} == declared


def test_nothing_is_under_the_gpl_except_programs_that_are_named() -> None:
    assert {name for name, (_, licence) in rows().items() if is_strong_copyleft(licence)} == set(PROGRAMS)


def test_the_notice_lists_each_engine() -> None:
    engines = {"tesseract", "paddleocr", "easyocr", "trocr", "emnist_cnn"}
    assert engines <= set(re.findall(r"^\| (\w+) \|", NOTICE.read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    ("licence", "strong"),
    [
        ("GPL-2.0-only", True),
        ("AGPL-3.0-or-later", True),
        ("MIT AND GPL-3.0-only", True),
        ("MIT OR GPL-3.0-only", False),
        ("GPL-3.0-only WITH GCC-exception-3.1", False),
        ("LGPL-3.0-only", False),
        ("MIT", False),
    ],
)
def test_strong_copyleft_is_what_leaves_no_other_way(licence: str, strong: bool) -> None:
    assert is_strong_copyleft(licence) is strong


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ({"License-Expression": ["MIT OR Apache-2.0"], "License": ["whatever"]}, "MIT OR Apache-2.0"),
        ({"License": ["Apache 2.0"]}, "Apache-2.0"),
        ({"License": ["BSD 3-Clause License\n\nCopyright (c) somebody"]}, "BSD-3-Clause"),
        ({"Classifier": ["Topic :: Text", "License :: OSI Approved :: MIT License"]}, "MIT"),
    ],
    ids=["expression", "short text", "whole text", "classifier"],
)
def test_the_metadata_is_read_from_the_most_to_the_least_reliable_field(
    metadata: Mapping[str, list[str]], licence: str
) -> None:
    assert licence_of("somebody-elses", metadata) == licence


@pytest.mark.parametrize("metadata", [None, {}, {"Classifier": ["License :: OSI Approved :: BSD License"]}])
def test_a_licence_that_is_not_settled_is_an_error_and_not_a_guess(metadata: Mapping[str, list[str]] | None) -> None:
    with pytest.raises(InvalidRequest, match="REVIEWED"):
        licence_of("somebody-elses", metadata)


def test_a_lock_with_a_distribution_under_the_agpl_makes_no_notice() -> None:
    with pytest.raises(InvalidRequest, match="under GPL or AGPL: evil"):
        render([Locked("evil", ("1.0",))], lambda _name: {"License": ["GPLv2"]})


def test_a_distribution_with_two_versions_for_two_platforms_is_one_entry() -> None:
    hashed = f" \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{'1' * 64}\n"
    lock = f"a==1.0 ; python_full_version < '3.12'{hashed}a==2.0 ; python_full_version >= '3.12'{hashed}b==3{hashed}"
    assert read_lock(lock) == [Locked("a", ("1.0", "2.0")), Locked("b", ("3",))]


@pytest.mark.parametrize("line", ["something>=1.0", "    --hash=md5:0", "--index-url somewhere"])
def test_a_line_that_pins_nothing_is_refused(line: str) -> None:
    with pytest.raises(InvalidRequest, match="make lock"):
        read_lock(f"a==1.0 \\\n{line}\n")
