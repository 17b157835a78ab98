"""One contestant a process: see runner.py."""
