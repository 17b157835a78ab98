"""A contestant's process, seen from compare.py: started, asked, put to sleep while the others run."""
import json
import os
import queue
import signal
import subprocess
import threading
import time


class Refused(Exception):
    """The contestant does not run here; the message is its reason."""


class Failed(Exception):
    """The contestant broke."""


def seconds_of(command, environment):
    """How long a program takes from the creation of its process to its end."""
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise Failed(f"{command[0]}: exit {done.returncode}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return seconds


class Contestant:
    def __init__(self, name, command, environment, launch=(), patience=900):
        self.name, self.command, self.environment, self.launch, self.patience = name, command, environment, list(launch), patience
        self.process = None

    def run_once(self, *arguments):
        """With --check: one answer, then the process ends."""
        done = subprocess.run([*self.command, *arguments], env=self.environment, capture_output=True, text=True, timeout=self.patience)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            raise Failed(f"exit {done.returncode}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
        return self.accept(json.loads(lines[-1]))

    @staticmethod
    def accept(answer):
        if answer.get("event") == "absent":
            raise Refused(answer["reason"])
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def start(self, wait_ready=True):
        """Seconds from the start of the process to its first result; what it says of itself is in `about`."""
        began = time.perf_counter()
        self.process = subprocess.Popen(self.launch + self.command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
        self.answers, self.complaints = queue.Queue(), []
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._drain, daemon=True).start()
        first = self.expect("first")
        seconds = first["heard"] - began
        self.about = self.expect("ready") if wait_ready else {}
        return seconds

    def _listen(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                self.answers.put({**json.loads(line), "heard": time.perf_counter()})
        self.answers.put(None)

    def _drain(self):
        for line in self.process.stderr:
            self.complaints = (self.complaints + [line.strip()])[-5:]

    def answer(self):
        try:
            found = self.answers.get(timeout=self.patience)
        except queue.Empty:
            raise Failed(f"silent for {self.patience} s") from None
        if found is None:
            raise Failed(f"ended, exit {self.process.wait()}: {(self.complaints or ['no message'])[-1]}")
        return self.accept(found)

    def expect(self, event):
        found = self.answer()
        if found.get("event") != event:
            raise Failed(f"expected {event!r}, got {found}")
        return found

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return self.answer()

    def sleep(self):
        os.kill(self.process.pid, signal.SIGSTOP)  # or its idle threads may spin in another's turn

    def wake(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def turn(self, runs):
        """Milliseconds of `runs` runs, after one that only warms the caches."""
        self.ask("go")
        return [self.ask("go")["ms"] for _ in range(runs)]

    def stop(self):
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None
