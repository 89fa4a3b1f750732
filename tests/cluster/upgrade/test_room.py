"""Which deployments find room for one more replica, all at the same time."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.upgrade.room import Needs, NodeRoom, has_labels, surging, with_room


def one(cpus: float, replicas: int = 2, **more: object) -> Needs:
    return Needs({"CPU": cpus}, replicas, **more)  # type: ignore[arg-type]


def test_each_extra_replica_takes_its_room_from_the_others() -> None:
    assert with_room({"a": one(1.0), "b": one(1.0), "c": one(1.0)}, [NodeRoom({"CPU": 2.0})]) == ("a", "b")


def test_a_part_of_one_node_and_a_part_of_another_are_no_room() -> None:
    assert with_room({"a": one(2.0)}, [NodeRoom({"CPU": 1.0}), NodeRoom({"CPU": 1.5})]) == ()


def test_one_that_is_too_large_leaves_the_room_to_the_next() -> None:
    assert with_room({"a": one(4.0), "b": one(1.0)}, [NodeRoom({"CPU": 2.0})]) == ("b",)


def test_a_node_that_may_have_no_more_of_it_is_no_room() -> None:
    full, other = NodeRoom({"CPU": 8.0}, replicas={"a": 2}), NodeRoom({"CPU": 8.0}, replicas={"a": 1})
    needs = {"a": one(1.0, most_on_a_node=2)}
    assert with_room(needs, [full]) == ()
    assert with_room(needs, [full, other]) == ("a",)


def test_a_node_of_another_pool_is_no_room() -> None:
    needs = {"a": one(1.0, labels={"pool": "in(gpu,any)"})}
    assert with_room(needs, [NodeRoom({"CPU": 8.0}, {"pool": "cpu"}), NodeRoom({"CPU": 8.0})]) == ()
    assert with_room(needs, [NodeRoom({"CPU": 8.0}, {"pool": "any"})]) == ("a",)


@pytest.mark.parametrize(
    ("condition", "value", "chooses"),
    [
        ("gpu", "gpu", True),
        ("gpu", None, False),
        ("!gpu", None, True),
        ("!gpu", "gpu", False),
        ("in(cpu, any)", "any", True),
        ("!in(cpu,any)", "any", False),
        ("!in(cpu,any)", "gpu", True),
    ],
)
def test_labels_are_chosen_as_ray_does(condition: str, value: str | None, chooses: bool) -> None:
    node = {} if value is None else {"pool": value}
    assert has_labels(node, {"pool": condition}) is chooses


def test_what_a_replica_needs_is_read_from_its_section() -> None:
    section = {
        "name": "trocr",
        "max_replicas_per_node": 1,
        "ray_actor_options": {
            "num_gpus": 0.3,
            "memory": 5e8,
            "resources": {"fast": 1},
            "label_selector": {"pool": "gpu"},
        },
    }
    assert Needs.of(section, 3) == Needs({"CPU": 1.0, "GPU": 0.3, "memory": 5e8, "fast": 1.0}, 3, {"pool": "gpu"}, 1)
    assert Needs.of({"name": "a", "ray_actor_options": {"num_cpus": 0}}, 1).resources == {}


@given(st.integers(1, 100))
def test_the_percentage_is_one_replica_more_as_serve_counts_it(replicas: int) -> None:
    percent = one(1.0, replicas).surge_percent
    assert (percent * replicas + 99) // 100 == 1


@given(st.lists(st.floats(0.1, 4.0), max_size=6), st.lists(st.floats(0.0, 8.0), max_size=3))
def test_what_is_found_fits_into_what_is_free(cpus: list[float], free: list[float]) -> None:
    needs: Mapping[str, Needs] = {str(at): one(each) for at, each in enumerate(cpus)}
    found = with_room(needs, [NodeRoom({"CPU": each}) for each in free])
    assert sum(needs[name].resources["CPU"] for name in found) <= sum(free) + 1e-9


def test_what_the_file_says_itself_stands() -> None:
    sections = [{"name": "a"}, {"name": "b"}, {"name": "c", "max_surge_percent": 7}]
    needs = {"a": one(1.0, 4), "b": one(1.0)}
    written = surging({"name": "quorum", "deployments": sections}, needs, ["a"])["deployments"]
    assert [section["max_surge_percent"] for section in written] == [25, 0, 7]
    assert sections[0] == {"name": "a"}
