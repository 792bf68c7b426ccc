import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from engines.cosyvoice import stages as stages_module
from engines.cosyvoice.stages import Stages


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that have passed."""
    now = [0.0]
    monkeypatch.setattr(stages_module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def takes(clock: list[float], seconds: float) -> Callable[[], None]:
    """Work of so many seconds."""

    def work() -> None:
        clock[0] += seconds

    return work


def loaded(**parts: Any) -> Any:
    model = SimpleNamespace(
        device=SimpleNamespace(type="cpu"),
        flow=SimpleNamespace(inference=lambda: None),
        hift=SimpleNamespace(inference=lambda: None),
        llm=SimpleNamespace(inference=lambda count: iter(range(count))),
        llm_job=lambda uuid: None,
        token2wav=lambda **kwargs: None,
        llm_end_dict={},
    )
    model.__dict__.update(parts)
    return model


def test_time_goes_to_the_stage_that_takes_it_and_is_collected_once(clock: list[float]) -> None:
    model = loaded(flow=SimpleNamespace(inference=takes(clock, 3.0)), hift=SimpleNamespace(inference=takes(clock, 1.0)))
    stages = Stages(None, model, None)
    model.flow.inference()
    model.hift.inference()
    assert list(model.llm.inference(5)) == [0, 1, 2, 3, 4]
    found = stages.collect()
    assert (found["flow_s"], found["vocoder_s"]) == (3.0, 1.0)
    assert found["llm_tokens"] == 5
    assert set(stages.collect().values()) == {0.0}


def test_a_front_end_that_calls_itself_is_counted_once(clock: list[float]) -> None:
    front = SimpleNamespace(text_normalize=lambda: None, frontend_zero_shot=takes(clock, 5.0), frontend_vc=lambda: None)
    front.frontend_instruct2 = lambda: front.frontend_zero_shot()
    stages = Stages(None, loaded(), front)
    front.frontend_instruct2()
    assert stages.collect()["front_end_s"] == 5.0


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
