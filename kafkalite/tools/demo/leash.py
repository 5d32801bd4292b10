"""Run the command line as a process that does not outlive the one that started it.

`python -m kafkalite.tools.demo.leash serve …` is `python -m kafkalite serve …`, stopped when its standard input ends.
"""

import os
import runpy
import signal
import sys
import threading


def _stop_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_with_the_parent, daemon=True).start()
    runpy.run_module("kafkalite", run_name="__main__", alter_sys=True)
