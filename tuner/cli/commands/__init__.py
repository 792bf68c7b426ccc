"""One module per command: NAME, HELP, EPILOG, `add_arguments(parser)`, `run(options, console) -> exit status`."""
