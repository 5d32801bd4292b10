"""Run the command line as a process that does not outlive the one that started it.

`python -m kafkalite.demo.leash serve …` is `python -m kafkalite serve …`, stopped when its standard input ends.
"""

import os
import signal
import sys
import threading

from kafkalite.cli import main


def _stop_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_with_the_parent, daemon=True).start()
    main()
