"""A module that ends the process."""

import sys

sys.exit("this machine is not supported")
