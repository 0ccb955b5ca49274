#!/usr/bin/env python3
"""Judges the packages, and installs, starts, uses and removes the .deb in a fresh Debian 12.

usage: check.py DEB RPM FOLDER, as root. The system is made in FOLDER and removed at the end; its
downloads and the pictures of the windows stay there. Mounts and processes are in namespaces of this
program, so they end with it, even after SIGKILL.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from fresh import PERSON, Debian, run

PACKAGE = "greenlight"
DATA = f"/home/{PERSON}/.local/share/greenlight"
INSIDE = "--inside"
DESK_SECONDS = 900
# Programs of a desktop and of the test; they come after the package has proved its dependencies.
TOOLS = ("libglib2.0-bin", "xvfb", "xdotool", "x11-utils", "x11-apps")
ICONS = (16, 24, 32, 48, 64, 96, 128, 256, 512)
# Records of dpkg and apt, and caches that triggers of other packages write again.
OF_THE_SYSTEM = re.compile(
    r"/var/(log|cache|lib/(dpkg|apt))(/|$)|/usr/share/(icons/hicolor/icon-theme|applications/mimeinfo)\.cache$"
)

# The X server's own files.
OF_THE_DISPLAY = re.compile(r"/tmp/\.X11-unix(/|$)|/var/lib/xkb/")


def say(text):
    print(text, flush=True)


def require(condition, text):
    if not condition:
        raise RuntimeError(f"not so: {text}")
    say(f"ok: {text}")


# ---------------------------------------------------------------- the packages as files


def judge_deb(deb):
    run("lintian", "--allow-root", "--no-tag-display-limit", "--fail-on", "error,warning", deb)
    say("ok: lintian finds no error and no warning")
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        run("dpkg-deb", "--extract", deb, tree)
        run("desktop-file-validate", tree / "usr/share/applications/greenlight.desktop")
        say("ok: desktop-file-validate finds nothing")
        # The address of the homepage is not asked: a test must not depend on a web site.
        run("appstreamcli", "validate-tree", "--no-net", "--pedantic", tree)
        say("ok: appstreamcli finds nothing")
        files = {f"/{one.relative_to(tree)}" for one in tree.rglob("*") if not one.is_dir()}
    for size in ICONS:
        path = f"/usr/share/icons/hicolor/{size}x{size}/apps/greenlight.png"
        if path not in files:
            raise RuntimeError(f"{path} is missing")
    return files


def judge_rpm(rpm, deb_files):
    requires = set(run("rpm", "-qp", "--requires", rpm).split("\n"))
    for library in ("libwebkit2gtk-4.1.so.0()(64bit)", "libgtk-3.so.0()(64bit)"):
        require(library in requires, f"the .rpm requires {library}")
    files = set(run("rpm", "-qpl", rpm).split())
    of_both = {one for one in deb_files if not one.startswith("/usr/share/doc/")}
    more = files - of_both
    require(of_both <= files, "the .rpm has the files of the .deb")
    require(all(one.startswith("/usr/share/licenses/greenlight/") for one in more), "beyond them it has only licences")


# ---------------------------------------------------------------- the fresh system


def install_dependencies(debian, deb):
    """Installs only the packages that the field Depends names."""
    depends = run("dpkg-deb", "--field", deb, "Depends").strip()
    debian.apt("satisfy", depends)
    say(f"ok: apt installs {depends}")


def install(debian, deb):
    place = debian.root / "srv" / deb.name
    place.write_bytes(deb.read_bytes())
    said = debian.apt("install", f"/srv/{deb.name}")
    place.unlink()
    require("0 upgraded, 1 newly installed, 0 to remove" in said, "apt installs the package and nothing else")


def check_libraries(debian):
    libraries = debian.run("ldd", "/usr/bin/greenlight")
    missing = [line.strip() for line in libraries.split("\n") if "not found" in line]
    require(not missing, f"every library is there {missing or ''}".strip())


def differences(before, after):
    """Paths that are new, gone or changed."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def is_data(path):
    """Whether it is in the person's data folder, or a folder above that."""
    return f"{path}/".startswith(f"{DATA}/") or DATA.startswith(f"{path}/")


def use(debian):
    """Starts the app from its entry and from both actions; checks where it wrote."""
    before = debian.files()
    desk = Path(__file__).with_name("desk.py")
    done = subprocess.run(
        ["unshare", "--net", sys.executable, desk, debian.root],
        timeout=DESK_SECONDS, check=False, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )
    require(done.returncode == 0, "the app starts and ends")
    written = differences(before, debian.files())
    outside = [path for path in written if not is_data(path) and not OF_THE_DISPLAY.match(path)]
    require(not outside, f"the app wrote only below {DATA} {outside or ''}".strip())
    starts = json.loads(done.stdout)
    entry = (debian.root / "usr/share/applications/greenlight.desktop").read_text(encoding="utf-8")
    name = re.search(r"^StartupWMClass=(.+)$", entry, re.MULTILINE).group(1)
    require(all(f'"{name}"' in one["class"] for one in starts), "the windows belong to the entry in the menu")
    return starts


def check_removed(before, after, package_files):
    left = sorted(path for path in package_files if path in after)
    require(not left, f"no file of the package is left {left or ''}".strip())
    others = [path for path in differences(before, after) if not OF_THE_SYSTEM.match(path)]
    strange = [path for path in others if not is_data(path) and not OF_THE_DISPLAY.match(path)]
    require(not strange, f"nothing else of the system has changed {strange or ''}".strip())
    kept = [path for path in others if path.endswith("/journal.sqlite")]
    require(len(kept) == 2, "the journals of practice and production are still there")


def report(deb, rpm, installed, starts):
    say("")
    for file in (deb, rpm):
        say(f"{file.name:<32} {file.stat().st_size / 1e6:>6.1f} MB")
    say(f"{'installed':<32} {int(installed) / 1000:>6.1f} MB")
    for one in starts:
        say(f"\n{one['name']}: “{one['title']}”")
        say(f"  window after {one['window']:.2f} s, page after {one['page']:.2f} s")
        for name, share, resident in sorted(one["memory"]):
            say(f"  {name:<28} {share / 1024:>6.0f} MiB, resident {resident / 1024:.0f} MiB")
        share, resident = (sum(each[at] for each in one["memory"]) / 1024 for at in (1, 2))
        say(f"  {'all':<28} {share:>6.0f} MiB, resident {resident:.0f} MiB")


def inside(deb, rpm, folder):
    package_files = judge_deb(deb)
    judge_rpm(rpm, package_files)
    with Debian(folder) as debian:
        install_dependencies(debian, deb)
        install(debian, deb)
        check_libraries(debian)
        debian.apt("purge", PACKAGE)
        debian.apt("install", *TOOLS)
        before = debian.files()
        install(debian, deb)
        starts = use(debian)
        debian.apt("purge", PACKAGE)
        check_removed(before, debian.files(), package_files)
    report(deb, rpm, run("dpkg-deb", "--field", deb, "Installed-Size"), starts)


def main(words):
    if words[:1] == [INSIDE]:
        try:
            inside(*(Path(one).resolve() for one in words[1:]))
        except RuntimeError as error:
            sys.exit(f"failed: {error}")
        return
    if len(words) != 3:
        sys.exit(__doc__.strip())
    if os.geteuid() != 0:
        sys.exit("make test-package needs root, for a fresh system and for namespaces.")
    own = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    os.execvp("unshare", [*own, sys.executable, __file__, INSIDE, *words])


if __name__ == "__main__":
    main(sys.argv[1:])
