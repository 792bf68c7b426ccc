from types import SimpleNamespace

from engines.cosyvoice.profile import kernel_table, stage_table

MEASURED = {
    "front_end_s": 0.1, "llm_s": 2.0, "flow_s": 6.0, "vocoder_s": 1.9, "llm_tokens": 50.0, "wall_s": 9.0,
    "audio_s": 2.0, "first_audio_s": 8.5,
}  # fmt: skip


def event(
    key: str, count: int, cpu_us: float, device_us: float = 0.0, device: str = "DeviceType.CPU"
) -> SimpleNamespace:
    return SimpleNamespace(
        key=key, count=count, self_cpu_time_total=cpu_us, self_device_time_total=device_us, device_type=device
    )


def test_the_bottleneck_is_the_stage_that_takes_most() -> None:
    table = stage_table(MEASURED)
    assert table["bottleneck"] == "flow"
    assert table["stages"]["flow"] == {"s": 6.0, "share": 0.6}
    assert table["llm_tokens_per_second"] == 25.0


def test_without_an_llm_there_is_no_speed_of_it() -> None:
    assert stage_table({**MEASURED, "llm_s": 0.0, "llm_tokens": 0.0})["llm_tokens_per_second"] is None


def test_operators_without_a_gpu() -> None:
    table = kernel_table([event("aten::linear", 2, 100.0), event("aten::mm", 4, 300.0), event("idle", 1, 0.0)], False)
    assert table["kind"] == "CPU operators"
    assert [row["name"] for row in table["kernels"]] == ["aten::mm", "aten::linear"]
    assert table["kernels"][0] == {"name": "aten::mm", "calls": 4, "self_ms": 0.3, "share": 0.75}


def test_on_a_gpu_kernels_count_and_not_what_launches_them() -> None:
    events = [
        event("aten::mm", 4, 300.0, 900.0),
        event("ampere_sgemm", 4, 0.0, 900.0, "DeviceType.CUDA"),
        event("pytorch_flash::flash_fwd", 4, 0.0, 100.0, "DeviceType.CUDA"),
    ]
    table = kernel_table(events, True)
    assert table["kind"] == "CUDA kernels"
    assert table["total_ms"] == 1.0
    assert table["attention_kernels"] == ["pytorch_flash::flash_fwd"]


def test_the_long_tail_is_summed() -> None:
    table = kernel_table([event(f"aten::op{n}", 1, float(n)) for n in range(1, 61)], False)
    assert len(table["kernels"]) == 40
    assert table["others"] == {"count": 20, "self_ms": 0.21}
