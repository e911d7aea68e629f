"""Runs MiniStack without Nagle's algorithm.

Its Lambda runtime API answers in two small writes. Nagle holds the second one
back until the client has acknowledged the first, which takes 40 ms for each
invocation.
"""

import runpy
import socketserver

socketserver.StreamRequestHandler.disable_nagle_algorithm = True
runpy.run_module("ministack", run_name="__main__", alter_sys=True)
