#!/usr/bin/env python3
"""Starts the installed app in a fresh Debian as its person does, and measures it.

usage: desk.py ROOT, as root in a PID and a network namespace of its own. Prints JSON.
"""

import configparser
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import picture
from fresh import PERSON, run

ENTRY = "/usr/share/applications/greenlight.desktop"
# The window of a busy machine.
WINDOW_SECONDS = 90
END_SECONDS = 30
STEADY_SECONDS = 60
PAUSE = 0.02
# A page with text has the shades of its letters.
COLOURS_OF_A_PAGE = 50
# How the entry and its actions are called, and the word that their window begins with.
STARTS = (("entry", "PRACTICE"), ("new-release", "PRODUCTION"), ("practise", "PRACTICE"))


def wait(what, seconds, look):
    """The first value of `look` that is not None; raises after the time."""
    end = time.monotonic() + seconds
    while True:
        value = look()
        if value is not None:
            return value
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not happen within {seconds} s")
        time.sleep(PAUSE)


class Desk:
    """The person's session: a display and the processes of the person."""

    def __init__(self, root):
        self.root = root
        home = os.stat(root / "home" / PERSON)
        self.user, self.group = home.st_uid, home.st_gid
        self.display = None
        self.server = None

    def __enter__(self):
        runtime = self.root / "run/user" / str(self.user)
        runtime.mkdir(parents=True, exist_ok=True)
        os.chown(runtime, self.user, self.group)
        runtime.chmod(0o700)
        reader, writer = os.pipe()
        self.server = subprocess.Popen(
            ["chroot", self.root, "Xvfb", "-displayfd", str(writer), "-nolisten", "tcp", "-screen", "0", "1280x900x24"],
            pass_fds=(writer,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        os.set_blocking(reader, False)
        self.display = ":" + wait("the start of Xvfb", END_SECONDS, lambda: number(reader))
        os.close(reader)
        return self

    def __exit__(self, *_):
        for pid in self.processes():
            end(pid, signal.SIGKILL)
        if self.server:
            self.server.kill()
            self.server.wait(timeout=END_SECONDS)

    def command(self, *words):
        """A command line that runs as the person, with nothing of the caller's environment."""
        variables = (
            f"HOME=/home/{PERSON}", f"USER={PERSON}", f"LOGNAME={PERSON}", f"DISPLAY={self.display}", "LANG=C.UTF-8",
            "PATH=/usr/local/bin:/usr/bin:/bin", f"XDG_RUNTIME_DIR=/run/user/{self.user}",
        )
        return ["chroot", f"--userspec={self.user}:{self.group}", self.root, "env", "-i", "-C", f"/home/{PERSON}",
                *variables, *words]

    def processes(self):
        """Living processes of the person."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                status = (folder / "status").read_text(encoding="utf-8")
                is_alive = re.search(r"^State:\s+[ZX]", status, re.MULTILINE) is None
                if is_alive and f"Uid:\t{self.user}\t" in status:
                    found.append(int(folder.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def start(self, name):
        """Starts the entry as a desktop does, or one of its actions by its line `Exec`."""
        words = ["gio", "launch", ENTRY]
        if name != "entry":
            entry = configparser.ConfigParser(interpolation=None)
            entry.read_string((self.root / ENTRY[1:]).read_text(encoding="utf-8"))
            words = shlex.split(entry[f"Desktop Action {name}"]["Exec"])
        return subprocess.Popen(
            self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def window(self, word):
        """Number and title of the window whose title begins with the word, if it is shown."""
        asked = subprocess.run(
            self.command("xdotool", "search", "--onlyvisible", "--name", f"^{word} "),
            timeout=END_SECONDS, check=False, text=True, capture_output=True,
        )
        for window in asked.stdout.split():
            return window, run(*self.command("xdotool", "getwindowname", window)).strip()
        return None

    def is_drawn(self, window):
        shown = subprocess.run(
            self.command("xwd", "-silent", "-id", window), timeout=END_SECONDS, check=False, capture_output=True
        )
        image = picture.read(shown.stdout) if shown.returncode == 0 else None
        return image if image and image.colours() >= COLOURS_OF_A_PAGE else None

    def memory(self):
        """Proportional share and resident size of every process of the person, in KiB."""
        found = []
        for pid in self.processes():
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
                name = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
            except (FileNotFoundError, ProcessLookupError):
                continue
            sizes = dict(line.split(":", 1) for line in lines[1:])
            name = "simulator" if b"--rehearsal-world" in words else name
            found.append((name, *(int(sizes[one].split()[0]) for one in ("Pss", "Rss"))))
        return found

    def steady_memory(self):
        """The memory once its sum has changed by less than one in a hundred for two seconds."""
        sums = []

        def look():
            now = self.memory()
            sums.append((time.monotonic(), sum(one[1] for one in now)))
            recent = [size for at, size in sums if at > sums[-1][0] - 2]
            is_steady = sums[-1][0] - sums[0][0] > 2 and max(recent) - min(recent) < max(recent) / 100
            return now if is_steady else None

        return wait("a steady memory", STEADY_SECONDS, look)

    def end_all(self, window):
        """Ends the app by the process of its window, then the simulator, which outlives a window."""
        pid = int(run(*self.command("xdotool", "getwindowpid", window)))
        end(pid, signal.SIGTERM)
        wait("the end of the window", END_SECONDS, lambda: True if pid not in self.processes() else None)
        for other in self.processes():
            end(other, signal.SIGTERM)
        wait("the end of every process", END_SECONDS, lambda: None if self.processes() else True)


def number(reader):
    try:
        return os.read(reader, 16).decode().strip() or None
    except BlockingIOError:
        return None


def end(pid, by):
    try:
        os.kill(pid, by)
    except ProcessLookupError:
        pass


def measure(desk, name, word):
    begun = time.monotonic()
    launcher = desk.start(name)
    window, title = wait(f"a window with {word}", WINDOW_SECONDS, lambda: desk.window(word))
    shown = time.monotonic() - begun
    image = wait("a drawn page", WINDOW_SECONDS, lambda: desk.is_drawn(window))
    drawn = time.monotonic() - begun
    memory = desk.steady_memory()
    classes = run(*desk.command("xprop", "-id", window, "WM_CLASS")).strip()
    desk.end_all(window)
    launcher.wait(timeout=END_SECONDS)
    return {"name": name, "title": title, "window": shown, "page": drawn, "memory": memory, "class": classes}, image


def main():
    root = Path(sys.argv[1])
    run("ip", "link", "set", "lo", "up")
    found = []
    with Desk(root) as desk:
        for name, word in STARTS:
            one, image = measure(desk, name, word)
            found.append(one)
            image.write(root.parent / f"{name}.png")
    print(json.dumps(found))


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
