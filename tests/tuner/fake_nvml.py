"""A stand-in for pynvml: two devices whose memory and processes a test sets."""

from types import SimpleNamespace

GIB = 1024**3


class FakeNvml:
    """Two devices of 1 and 2 GiB. The functions named `broken` refuse; `processes` are (pid, bytes) of both."""

    class NVMLError(Exception):
        """As pynvml.NVMLError."""

    def __init__(self, *broken):
        self.used = [0, 0]
        self.processes = [[], []]
        self.clocks = [1980, 1410]
        self.reasons = [0, 0]
        self.broken = set(broken)

    def __getattribute__(self, name):
        if name.startswith("nvml") and name in self.broken:
            return self._refuse
        return super().__getattribute__(name)

    def _refuse(self, *arguments):
        raise self.NVMLError("Not Supported")

    def nvmlInit(self):
        pass

    def nvmlSystemGetDriverVersion(self):
        return b"570.1"

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetUUID(self, handle):
        return f"GPU-{handle}"

    def nvmlDeviceGetName(self, handle):
        return ("NVIDIA H200", b"NVIDIA L4")[handle]

    def nvmlDeviceGetMemoryInfo(self, handle):
        total = (handle + 1) * GIB
        return SimpleNamespace(total=total, used=self.used[handle], free=total - self.used[handle])

    def nvmlDeviceGetCudaComputeCapability(self, handle):
        return (9, 0)

    def nvmlDeviceGetComputeRunningProcesses(self, handle):
        return [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in self.processes[handle]]

    def nvmlDeviceGetClockInfo(self, handle, kind):
        assert kind == 1, "NVML_CLOCK_SM"
        return self.clocks[handle]

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle):
        return self.reasons[handle]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        return 1000 * (handle + 1)
