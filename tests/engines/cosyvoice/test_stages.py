import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from engines.cosyvoice.stages import Stages


def loaded(**parts: Any) -> Any:
    model = SimpleNamespace(
        device=SimpleNamespace(type="cpu"),
        flow=SimpleNamespace(inference=lambda: time.sleep(0.03)),
        hift=SimpleNamespace(inference=lambda: time.sleep(0.01)),
        llm=SimpleNamespace(inference=lambda count: iter(range(count))),
        llm_job=lambda uuid: None,
        token2wav=lambda **kwargs: None,
        llm_end_dict={},
    )
    model.__dict__.update(parts)
    return model


def test_time_goes_to_the_stage_that_takes_it_and_is_collected_once() -> None:
    model = loaded()
    stages = Stages(None, model, None)
    model.flow.inference()
    model.hift.inference()
    assert list(model.llm.inference(5)) == [0, 1, 2, 3, 4]
    found = stages.collect()
    assert found["flow_s"] > found["vocoder_s"] > 0
    assert found["llm_tokens"] == 5
    assert set(stages.collect().values()) == {0.0}


def test_a_front_end_that_calls_itself_is_counted_once() -> None:
    front = SimpleNamespace(
        text_normalize=lambda: None, frontend_zero_shot=lambda: time.sleep(0.05), frontend_vc=lambda: None
    )
    front.frontend_instruct2 = lambda: front.frontend_zero_shot()
    stages = Stages(None, loaded(), front)
    begin = time.perf_counter()
    front.frontend_instruct2()
    assert 0.05 <= stages.collect()["front_end_s"] <= time.perf_counter() - begin


def test_a_failure_in_the_llms_thread_ends_the_request() -> None:
    def fails(uuid: str) -> None:
        raise RuntimeError("boom")

    model = loaded(llm_job=fails)
    stages = Stages(None, model, None)
    thread = threading.Thread(target=model.llm_job, args=("a",))
    thread.start()
    thread.join()
    assert model.llm_end_dict == {"a": True}
    with pytest.raises(RuntimeError, match="boom"):
        model.token2wav(token=None, finalize=True)
    stages.forget()
    model.token2wav(token=None, finalize=True)


def test_the_tokens_of_whole_pieces_are_remembered() -> None:
    model = loaded()
    stages = Stages(None, model, None)
    for token, finalize in (("first chunk", False), ("one", True), ("two", True)):
        model.token2wav(token=token, finalize=finalize)
    assert stages.tokens == ["one", "two"]
    stages.forget()
    assert stages.tokens == []


def test_on_a_gpu_its_own_clock_counts() -> None:
    """Launching kernels takes the host no time, and they run later."""

    class Event:
        clock = 0.0

        def __init__(self, enable_timing: bool) -> None:
            self.at_ms = 0.0

        def record(self) -> None:
            Event.clock += 250.0
            self.at_ms = Event.clock

        def elapsed_time(self, end: "Event") -> float:
            return end.at_ms - self.at_ms

    waited = []
    torch = SimpleNamespace(cuda=SimpleNamespace(Event=Event, synchronize=lambda: waited.append(True)))
    model = loaded(device=SimpleNamespace(type="cuda"), flow=SimpleNamespace(inference=lambda: None))
    stages = Stages(torch, model, None)
    model.flow.inference()
    assert stages.collect()["flow_s"] == 0.25
    assert waited == [True]
