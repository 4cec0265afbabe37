"""Records of benchmarks: what is read, ratios within a round, the floor of a step, loads of the published program."""
import json

import pytest

from vscg.study.speed import describe, profile_table, published_loads, ratios, read_speed, roofline, step_ratios

WHERE = {"device": "CPU, 1 of 2 cores", "processor": "Some CPU", "instructions": "AVX2", "threads": 1, "cores": 2,
         "date": "2026-01-02T03:04:05+00:00", "load": {"before": [1.5, 1, 1], "after": [1, 1, 1]},
         "versions": {"torch": "9.9"}}


def rounds(**speeds: float) -> list[dict]:
    """Rows of three rounds, each slower or faster for all arms alike."""
    return [{"round": n, "arm": arm, "seconds": slow * seconds, "product_flops": 1e10 / slow, "copy_bytes": 1e9}
            for n, slow in enumerate((1.0, 10.0, 3.0)) for arm, seconds in speeds.items()]


@pytest.fixture
def step() -> dict:
    return {**WHERE, "batch": 8, "cost": {"counted_flops": 9e8, "recurrent_flops": 1e8, "bytes": 1e7}, "groups": {
        "main": rounds(published=1.0, vscg=0.8, machine=2.0), "fused Adam": rounds(**{"published": 3.0,
                                                                                      "fused Adam": 2.0})}}


def test_ratios_are_taken_within_a_round(step):
    assert ratios(rounds(published=1.0, vscg=0.5)).loc["vscg"].tolist() == [2.0, 2.0, 2.0]
    found = step_ratios(step)
    assert list(found.index) == ["vscg", "fused Adam"]
    assert found["median"].tolist() == pytest.approx([1.25, 1.5])


def test_the_floor_of_a_step(step):
    found = roofline(step)
    assert (found["flops"], found["lstm_flops"], found["bytes"]) == (8e9, 8e8, 8e7)
    assert (found["product"], found["copy"]) == (1e10, 1e9)
    # The middle round is the third: 3 s and 2.4 s. The share compares with the product of the same round.
    assert found["published"] == pytest.approx(8e9 / 3) and found["vscg"] == pytest.approx(1e10 / 3)
    assert found["published_share"] == pytest.approx(0.8) and found["vscg_share"] == pytest.approx(1.0)


def test_a_profile_is_the_median_of_its_turns_for_a_step():
    rows = [{"arm": arm, "parts": {"products": seconds, "copies": 2.0}} for arm, values in
            (("published", (4.0, 8.0, 6.0)), ("vscg", (2.0, 2.0, 9.0))) for seconds in values]
    table = profile_table({"steps": 2, "rows": rows})
    assert table.to_dict() == {"published": {"products": 3.0, "copies": 1.0}, "vscg": {"products": 1.0, "copies": 1.0}}


def test_records_are_read_by_name_and_described(tmp_path, step):
    assert read_speed(tmp_path) == {}
    (tmp_path / "speed_cpu.json").write_text(json.dumps({"step": step}))
    found = read_speed(tmp_path)
    assert found == {"cpu": {"step": step}}
    assert describe(found["cpu"]["step"]) == ("CPU, 1 of 2 cores, Some CPU (AVX2), 1 thread(s) a process, 2026-01-02, "
                                              "load before 1.5 on 2 cores, torch 9.9")


def test_the_published_program_reads_its_files_119_and_309_times():
    assert (published_loads("fully"), published_loads("weakly")) == (119, 309)


def test_quartiles_of_ratios():
    rows = [{"round": n, "arm": arm, "seconds": seconds} for n, ours in enumerate((1.0, 0.5, 0.25))
            for arm, seconds in (("published", 1.0), ("vscg", ours))]
    assert ratios(rows).loc["vscg", ["median", "low", "high"]].tolist() == [2, 1.5, 3]
