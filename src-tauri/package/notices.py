"""Licences of the libraries inside the program and the page, as their own packages have them.

A library that is only needed to build is left out.
"""

import json
import os
import re
import subprocess
from pathlib import Path

TARGET = "x86_64-unknown-linux-gnu"
LICENCE = re.compile(r"^(licen[cs]e|copying|notice|unlicense)", re.IGNORECASE)
# Code of other projects lies below some crates: git, SQLite and the TLS library.
DEPTH_MAX = 2


def text(repository):
    """One text: every library with its licence, then each licence text once."""
    libraries = sorted(set(crates(repository)) | set(page_packages(repository / "ui")))
    owners = {}
    lines = ["Greenlight contains these libraries:", ""]
    for name, licence, folder in libraries:
        lines.append(f"  {name}: {licence}")
        for file in licence_files(folder):
            words = file.read_text(encoding="utf-8", errors="replace").strip().replace("\r\n", "\n")
            owners.setdefault(words, []).append(name)
    for words, names in owners.items():
        lines += ["", "-" * 80, *sorted(set(names)), "", words]
    return "\n".join(lines) + "\n"


def crates(repository):
    """(name and version, licence, folder) of every crate that the program is linked from."""
    command = ("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET)
    metadata = json.loads(subprocess.run(command, cwd=repository, check=True, capture_output=True).stdout)
    packages = {one["id"]: one for one in metadata["packages"]}
    nodes = {one["id"]: one for one in metadata["resolve"]["nodes"]}
    waiting = [one for one in metadata["workspace_members"] if packages[one]["name"] == "greenlight"]
    reached = set(waiting)
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            is_linked = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_linked and dependency["pkg"] not in reached:
                reached.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    for one in (packages[number] for number in reached if packages[number]["source"]):
        yield f"{one['name']} {one['version']}", one["license"] or "see its text", Path(one["manifest_path"]).parent


def page_packages(ui):
    """The same of every npm package that the page's own ones need."""
    waiting = list(json.loads((ui / "package.json").read_text(encoding="utf-8"))["dependencies"])
    reached = set()
    while waiting:
        name = waiting.pop()
        folder = ui / "node_modules" / name
        if name in reached or not folder.is_dir():
            continue
        reached.add(name)
        package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        waiting += package.get("dependencies", {})
        yield f"{name} {package['version']}", package.get("license", "see its text"), folder


def licence_files(folder):
    for place, folders, names in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(one for one in folders if one not in ("tests", "node_modules")) if depth < DEPTH_MAX else []
        for name in sorted(names):
            path = Path(place, name)
            if LICENCE.match(name) and path.suffix not in (".rs", ".js", ".py", ".go", ".c", ".h"):
                yield path
