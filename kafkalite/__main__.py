"""Run the command line as `python -m kafkalite`."""

from kafkalite.tools.cli import main

if __name__ == "__main__":
    main()
