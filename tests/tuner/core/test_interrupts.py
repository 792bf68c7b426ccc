import signal

import pytest

from tuner.core import interrupts


@pytest.fixture(autouse=True)
def _handlers():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # a shell's background job has SIGINT ignored


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_that_was_swallowed_is_noticed_at_the_next_step(number):
    interrupts.install()
    interrupts.check()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    with pytest.raises(KeyboardInterrupt):
        interrupts.check()
    interrupts.install()
    interrupts.check()


def test_what_nohup_ignores_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupts.install()
    signal.raise_signal(signal.SIGHUP)
    interrupts.check()


def test_what_belongs_together_is_done_before_an_interrupt_comes():
    interrupts.install()
    done = []

    def both():
        with interrupts.deferred():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest of it")

    with pytest.raises(KeyboardInterrupt):
        both()
    assert done
    interrupts.install()
    with interrupts.deferred():
        done.append("more")


def test_the_inner_of_two_blocks_does_not_end_the_outer_one_and_who_insists_is_heard():
    interrupts.install()
    done = []

    def nested(times):
        with interrupts.deferred():
            with interrupts.deferred():
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)
            done.append("the outer one's end")

    with pytest.raises(KeyboardInterrupt):
        nested(1)
    assert done == ["the outer one's end"]
    interrupts.install()
    with pytest.raises(KeyboardInterrupt):
        nested(2)
    assert len(done) == 1
