"""A cluster of PGPool's `local-cluster`, with one fault, and who writes on it when."""

import multiprocessing
import queue
import subprocess
import threading
import time
import urllib.parse

import psycopg

FORWARDED = ("stall", "lost-ack")


class Cluster:
    """Starts the program, and notes what it says."""

    def __init__(self, program, fault, fault_after, promote_after):
        words = [program, "--readers", "2", "--fault", fault, "--fault-after", f"{fault_after}s",
                 "--promote-after", f"{promote_after}s"]
        if fault in FORWARDED:
            words.append("--forward-nodes")
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.nodes, self.url, self.endpoint, self.pattern = [], None, None, None
        while True:
            word, rest = self._next(60)
            if word == "node":
                self.nodes.append(urllib.parse.urlsplit(rest.split()[2]))
            elif word == "url":
                self.url = rest
            elif word == "cluster-endpoint":
                self.endpoint = urllib.parse.urlsplit(rest).hostname
            elif word == "instance-pattern":
                self.pattern = rest
            elif word == "log":
                break

    def _read(self):
        for line in self.process.stdout:
            self.lines.put((time.monotonic(), line.strip()))
        self.lines.put((time.monotonic(), "end of-output"))

    def _next(self, timeout):
        _, line = self.lines.get(timeout=timeout)
        word, _, rest = line.partition(" ")
        if word == "end":
            raise RuntimeError("local-cluster ended")
        return word, rest

    @property
    def hosts(self):
        return [node.hostname for node in self.nodes]

    def wait_for_writer(self, timeout):
        """The new writer's URL."""
        deadline = time.monotonic() + timeout
        while True:
            word, rest = self._next(max(0.1, deadline - time.monotonic()))
            if word == "writer":
                return rest.split()[1]

    def end(self):
        self.process.terminate()
        self.process.wait(60)


class PromotionWatch:
    """Asks every reader, from a process of its own, until one is no longer in recovery."""

    def __init__(self, urls):
        self.answers = multiprocessing.Queue()
        self.processes = [multiprocessing.Process(target=_watch, args=(url, self.answers), daemon=True)
                          for url in urls]
        for process in self.processes:
            process.start()

    def promoted(self):
        """When the last node that turned into the writer first said so; None if none did."""
        found = None
        while True:
            try:
                found = self.answers.get(timeout=0.2)
            except queue.Empty:
                return found

    def end(self):
        for process in self.processes:
            process.terminate()
            process.join()


def _watch(url, answers):
    is_writer = False
    while True:
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
                while True:
                    said = connection.execute("SELECT NOT pg_is_in_recovery()").fetchone()[0]
                    if said and not is_writer:
                        answers.put(time.monotonic())
                    is_writer = said
                    time.sleep(0.002)
        except psycopg.Error:
            is_writer = False
            time.sleep(0.01)
