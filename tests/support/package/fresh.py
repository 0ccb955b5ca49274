"""A fresh Debian 12 in a folder, as a computer that has never seen the app.

Its mounts are in the mount namespace of the caller, so they end with the caller. The base system and
the downloaded packages are kept in a cache folder.
"""

import os
import shutil
import stat
import subprocess
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
SUITE = "bookworm"
PERSON = "ada"
# A download over a slow line.
DOWNLOAD_SECONDS = 1200
COMMAND_SECONDS = 300
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def run(*command, seconds=COMMAND_SECONDS, **options):
    """Standard output of a command that has to succeed within a time."""
    done = subprocess.run(
        command, timeout=seconds, check=False, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


class Debian:
    """The system in `folder`/root; a context manager."""

    def __init__(self, folder):
        self.root = folder / "root"
        self.cache = folder / "cache"
        self.mounts = []

    def __enter__(self):
        self.remove()
        try:
            self.unpack()
            self.mount_all()
            self.set_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for place in reversed(self.mounts):
            # Lazy: a process of a failed test may still use it.
            subprocess.run(["umount", "--lazy", place], timeout=COMMAND_SECONDS, check=False)
        self.mounts = []
        self.remove()

    def remove(self):
        run("rm", "-rf", "--one-file-system", self.root)

    def unpack(self):
        base = self.cache / f"{SUITE}.tar"
        (self.cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        self.root.mkdir(parents=True)
        # mknod and set-user-id programs have to work in the system.
        run("mount", "--bind", self.root, self.root)
        self.mounts.append(self.root)
        run("mount", "-o", "remount,bind,dev,suid,exec", self.root)
        if not base.exists():
            run("debootstrap", "--variant=minbase", SUITE, self.root, MIRROR, seconds=DOWNLOAD_SECONDS)
            run("tar", "--one-file-system", "-C", self.root, "-cf", f"{base}.part", ".")
            os.rename(f"{base}.part", base)
        else:
            run("tar", "-C", self.root, "-xpf", base)

    def mount_all(self):
        self.mount("proc", "proc", "proc")
        self.mount("tmpfs", "tmpfs", "dev", "mode=0755")
        self.mount("tmpfs", "tmpfs", "run", "mode=0755")
        self.mount("tmpfs", "tmpfs", "tmp", "mode=1777")
        for name in DEVICES:
            os.mknod(self.root / "dev" / name, stat.S_IFCHR | 0o666, os.stat(f"/dev/{name}").st_rdev)
            os.chmod(self.root / "dev" / name, 0o666)
        self.mount("tmpfs", "tmpfs", "dev/shm", "mode=1777")
        archives = self.root / "var/cache/apt/archives"
        run("mount", "--bind", self.cache / "archives", archives)
        self.mounts.append(archives)

    def mount(self, kind, source, place, options="defaults"):
        place = self.root / place
        place.mkdir(exist_ok=True)
        run("mount", "-t", kind, "-o", options, source, place)
        self.mounts.append(place)

    def set_up(self):
        suites = ((MIRROR, SUITE), (MIRROR, f"{SUITE}-updates"), (SECURITY, f"{SUITE}-security"))
        lines = "".join(f"deb {mirror} {suite} main\n" for mirror, suite in suites)
        (self.root / "etc/apt/sources.list").write_text(lines, encoding="utf-8")
        # The system is thrown away, so nothing has to reach the disk.
        (self.root / "etc/dpkg/dpkg.cfg.d/fast").write_text("force-unsafe-io\n", encoding="utf-8")
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        self.run("useradd", "--create-home", "--shell", "/bin/bash", PERSON)
        self.apt("update")
        self.apt("dist-upgrade")

    def run(self, *command, **options):
        """Runs a command in the system, as root."""
        clean = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
        environment = clean | proxies | {"DEBIAN_FRONTEND": "noninteractive"}
        return run("chroot", self.root, *command, env=environment, **options)

    def apt(self, *words):
        return self.run("apt-get", "-q", "-y", "--no-install-recommends", *words, seconds=DOWNLOAD_SECONDS)

    def files(self):
        """Every path of the system but those of the kernel: {path: (mode, size, time of change)}."""
        found = {}
        for folder, folders, names in os.walk(self.root):
            if Path(folder) == self.root:
                folders[:] = [one for one in folders if one not in ("proc", "dev", "run", "sys")]
            if folder.endswith("/var/cache/apt/archives"):
                folders[:], names = [], []
            for name in folders + names:
                path = os.path.join(folder, name)
                known = os.lstat(path)
                size, changed = (0, 0) if stat.S_ISDIR(known.st_mode) else (known.st_size, known.st_mtime_ns)
                found[path[len(str(self.root)):]] = (known.st_mode, size, changed)
        return found

    def person(self):
        """Numbers of the person's user and group."""
        home = os.stat(self.root / "home" / PERSON)
        return home.st_uid, home.st_gid
