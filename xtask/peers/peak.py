#!/usr/bin/env python3
"""Runs a Python script and adds its peak memory to the JSON line it prints.

  peak.py SCRIPT.py ARGUMENTS…
"""
import contextlib
import io
import json
import resource
import runpy
import sys

sys.argv = sys.argv[1:]
printed = io.StringIO()
with contextlib.redirect_stdout(printed):
    runpy.run_path(sys.argv[0], run_name="__main__")
answer = json.loads(printed.getvalue().strip().splitlines()[-1])
answer["peak_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps(answer))
