"""An entry point that is no class; and a module that talks."""

print("a line on standard output")
ENGINE = 3
