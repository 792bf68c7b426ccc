from search_spaces.errors import EnvironmentLackingError, NoAnswerError, TunerError, unknown_name


def test_exit_statuses_tell_input_environment_and_answer_apart() -> None:
    assert (TunerError("m").exit_status, EnvironmentLackingError("m").exit_status, NoAnswerError("m").exit_status) == (
        2, 3, 1,
    )  # fmt: skip


def test_an_unknown_name_comes_with_the_nearest_and_all() -> None:
    error = unknown_name("knob", "n_thread", {"n_threads", "n_batch"})
    assert (error.message, error.hint) == (
        "unknown knob 'n_thread'",
        "did you mean 'n_threads'? known: n_batch, n_threads",
    )
    assert unknown_name("knob", "zzz", []).hint == "known: none"
