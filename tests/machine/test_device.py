"""What a record says about the machine it was made on."""
import mmap
import os

import pytest
import torch

from vscg.errors import VscgError
from vscg.machine import device

CPU = torch.device("cpu")


def test_the_device_in_words(monkeypatch):
    assert device.device_name(CPU) == f"CPU, {torch.get_num_threads()} of {os.cpu_count()} cores"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
    assert device.device_name(torch.device("cuda")) == "Some GPU"


def test_the_gpu_is_taken_where_there_is_one(monkeypatch):
    for there, name in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert device.best_device() == name


@pytest.mark.parametrize("wanted, words", [("cuda:1", "write cuda; CUDA_VISIBLE"), ("cuda", "no GPU can be used"),
                                           ("tpu", "device 'tpu' is unknown: choose one of cpu, cuda")])
def test_a_device_that_cannot_be_taken_is_one_error(wanted, words, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(VscgError, match=words):
        device.usable_device(wanted)


def test_cores_are_those_that_this_process_may_use():
    allowed = os.sched_getaffinity(0)
    assert device.cores() == len(allowed) >= 1
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert device.cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_peak_memory_holds_the_largest_size_and_can_be_measured_anew():
    device.forget_peak_memory(CPU)
    before = device.peak_memory(CPU)
    with mmap.mmap(-1, 240_000_000) as large:
        for page in range(0, len(large), mmap.PAGESIZE):
            large[page] = 1                                        # a page counts once it is written to
        with_it = device.peak_memory(CPU)
    assert with_it - before > 200e6
    assert device.peak_memory(CPU) - before > 200e6, "a peak does not sink by itself"
    device.forget_peak_memory(CPU)
    assert device.peak_memory(CPU) < with_it - 100e6
