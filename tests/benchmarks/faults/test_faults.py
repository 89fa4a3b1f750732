"""What is required of the cluster while it is broken, judged on made-up accounts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.faults.__main__ import SINGLE, chosen, figures_of, report, rows_of
from benchmarks.faults.fault import STRONG_S, Fault, Result
from benchmarks.faults.pairs import PAIRS, STRIKES, TWO_NODES
from benchmarks.harness.constant_load import Exchange, LoadResult, Outcome, Request

DEATH = 10.0
KILLED = Fault("a Gateway dies", lambda _: None, kills=True)
HUNG = Fault("an engine hangs", lambda _: None, degrades=True, hangs=True)
STOPPED = Fault("a Router is stopped", lambda _: None, stops=True)
FULL = Fault("a disk is full", lambda _: None, refuses=True)


def asked(started: float, outcome: Outcome = Outcome.ANSWERED, seconds: float = 0.3, detail: str = "") -> Request:
    return Request(started, started + seconds, outcome, detail)


def exchange(started: float, code: int | None = 200, *, error: str = "", patient: bool = False) -> Exchange:
    return Exchange("a:1", started, started + 0.3, code, patient, error)


def result(fault: Fault, *met: Request | Exchange) -> Result:
    requests = tuple(one for one in met if isinstance(one, Request))
    exchanges = tuple(one for one in met if isinstance(one, Exchange))
    return Result(fault, LoadResult(requests, exchanges), DEATH - 0.1, DEATH, DEATH, DEATH + 7.0, configured=True)


def test_everything_answered_is_no_problem() -> None:
    assert result(KILLED, asked(9.0), asked(11.0), exchange(9.0), exchange(11.0)).problems() == []


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.WRONG, Outcome.UNFLAGGED])
def test_a_request_that_is_lost_or_answered_wrong_is_one(outcome: Outcome) -> None:
    assert result(KILLED, asked(9.0, outcome)).problems() == [f"1 {outcome}"]


def test_what_is_in_flight_at_a_death_may_be_cut() -> None:
    assert result(KILLED, exchange(9.9, None, error="ReadError"), exchange(9.8, 500)).problems() == []


def test_what_begins_after_a_death_may_not() -> None:
    [problem] = result(KILLED, exchange(10.1, 500)).problems()
    assert "began after the death" in problem


def test_it_may_be_refused_or_told_when_to_come_back() -> None:
    later = exchange(10.1, None, error="ConnectError"), exchange(10.2, 503, patient=True)
    assert result(KILLED, *later).problems() == []


def test_nothing_may_be_cut_while_gateway_proxy_and_node_live() -> None:
    [problem] = result(replace(KILLED, kills=False), exchange(9.9, None, error="ReadError")).problems()
    assert "1 raw failures" in problem


def test_a_later_request_must_be_answered_within_five_seconds() -> None:
    assert result(KILLED, asked(11.0, seconds=4.0)).problems() == []
    assert result(KILLED, asked(11.0, seconds=6.0)).problems() == ["a later request took 6.0 s"]


def test_beside_two_lost_nodes_no_answer_at_all_may_take_more_than_four_seconds() -> None:
    lost = TWO_NODES[0]
    assert result(lost, asked(9.0, seconds=3.9)).problems() == []
    assert result(lost, asked(9.0, seconds=4.1)).problems() == ["a request took 4.1 s"]


def test_a_missing_engine_must_be_told_of() -> None:
    assert result(HUNG, asked(11.0)).problems() == ["no answer says that an engine was missing"]
    assert result(HUNG, asked(11.0, Outcome.DEGRADED)).problems() == []


def test_an_engine_that_hangs_must_not_hold_answers_up() -> None:
    [problem] = result(HUNG, asked(11.0, Outcome.DEGRADED, seconds=2.8)).problems()
    assert problem.startswith("p99")


def test_the_live_configuration_must_be_the_same_afterwards() -> None:
    [problem] = replace(result(KILLED), configured=False).problems()
    assert "configuration" in problem


def test_recovery_counts_from_the_fault_or_from_its_end_where_it_lasts() -> None:
    lasting = replace(result(replace(KILLED, lasts_s=3.0)), over=DEATH + 3.0)
    assert result(KILLED).recovery_s == pytest.approx(7.1)
    assert lasting.recovery_s == 4.0


def test_a_row_has_as_many_cells_as_its_table() -> None:
    cells = rows_of([figures_of(result(KILLED, asked(9.0), exchange(9.0)), "here")]).splitlines()[-1]
    assert cells.count("|") == 14
    assert "| 1 200 |" in cells


def test_what_a_stopped_process_holds_may_come_to_its_deadline_and_nothing_else() -> None:
    late = asked(11.0, Outcome.FAILED, detail="DeadlineExceeded: no answer within 5 s")
    assert result(STOPPED, late, exchange(11.0, 504)).problems() == []
    broken = asked(11.0, Outcome.FAILED, detail="ConnectionBroken: reset")
    assert result(STOPPED, broken).problems() == ["1 failed"]


def test_the_place_of_a_stopped_process_is_taken_soon() -> None:
    late = replace(result(STOPPED), strong=DEATH + STRONG_S + 1.0)
    [problem] = late.problems()
    assert problem.startswith("full strength only after")


def test_a_refusal_that_names_the_reason_is_no_loss_where_room_is_missing() -> None:
    refused = asked(11.0, Outcome.FAILED, detail="Overloaded: the object store of a node is full")
    assert result(FULL, refused, exchange(11.0, 503)).problems() == []
    assert result(FULL, asked(11.0, Outcome.FAILED, detail="InternalFailure: ?")).problems() == ["1 failed"]


def test_what_was_seen_to_go_wrong_meanwhile_is_a_problem() -> None:
    assert replace(result(KILLED), seen=["a job on a full disk: accepted"]).problems() == [
        "a job on a full disk: accepted"
    ]


def test_every_part_of_the_cluster_is_killed_once_and_with_every_other_one() -> None:
    names = [fault.name for fault in (*SINGLE, *PAIRS, *TWO_NODES)]
    assert len(set(names)) == len(names)
    assert {"kill trocr", "kill Router", "kill Gateway", "kill a proxy", "kill a worker node"} <= set(names)
    assert len(TWO_NODES) == 4
    assert len(PAIRS) == len(STRIKES) * (len(STRIKES) - 1) // 2 == 36


def test_faults_are_chosen_by_words_of_their_names_and_what_cannot_be_made_is_told_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = [fault.name for fault in chosen(["kill Router"], pairs=True, namespaces=False)]
    assert names[0] == "kill Router"
    assert len(names) == 1 + 7  # with those parts that come after it
    assert [fault.name for fault in chosen(["kill Router"], pairs=False, namespaces=False)] == ["kill Router"]
    assert list(chosen(["cable"], pairs=True, namespaces=False)) == []
    assert "the cable of a worker is pulled: it needs hosts with networks" in capsys.readouterr().out


def test_the_report_has_single_faults_and_pairs_apart_and_keeps_rows_of_earlier_runs() -> None:
    old = {**figures_of(result(KILLED, asked(9.0)), "earlier")}
    del old["slowest_s"]
    both = report({"commit": "abc"}, [old, figures_of(result(PAIRS[0], asked(9.0)), "now")])
    single, pairs = both.split("## Two faults")
    assert "| a Gateway dies |" in single
    assert f"| {PAIRS[0].name} |" in pairs
