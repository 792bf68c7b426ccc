"""One module per command: NAME, HELP, EPILOG, `add_arguments(parser)`, `run(options, console) -> exit status`.

One may have `more_help()`: text that is put together only when its help is asked for.
"""
