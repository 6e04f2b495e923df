"""Somebody who does his work at a server while others do what they should not."""
import threading
import time

TIMEOUT_SECONDS = 60
PAUSE_SECONDS = 0.005


class Other(threading.Thread):
    """`rounds`: a generator of his work; its first step sets out, each later one is a round that was answered."""

    def __init__(self, rounds):
        super().__init__(daemon=True)
        self.rounds, self.count, self.slowest, self.failed, self.is_over = rounds, 0, 0.0, None, False

    def run(self):
        try:
            next(self.rounds)
            while not self.is_over:
                began = time.monotonic()
                next(self.rounds)
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.count += 1
                time.sleep(PAUSE_SECONDS)
        except BaseException as failed:  # told by the main thread
            self.failed = failed

    def goes_on(self, rounds=20):
        """Some more rounds, and nothing wrong."""
        wanted = self.count + rounds
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while self.count < wanted and not self.failed:
            assert time.monotonic() < deadline, "others are not served"
            time.sleep(PAUSE_SECONDS)
        if self.failed:
            raise self.failed
