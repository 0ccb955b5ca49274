#!/usr/bin/env python3
"""Makes the compressed files of the Linux packages in `src-tauri/gen/package`.

Fails when a file names another version than `tauri.conf.json`. The same input gives the same bytes.
"""

import gzip
import json
import re
import sys
import tomllib
from pathlib import Path

import notices

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
MADE = HERE.parent / "gen" / "package"
COMPRESSED = ("changelog", "greenlight.1")


def versions():
    """The version of the app, as each file names it."""

    def first(pattern, name):
        return re.search(pattern, (HERE / name).read_text(encoding="utf-8")).group(1)

    def parsed(parse, name):
        return parse((REPOSITORY / name).read_text(encoding="utf-8"))

    return {
        "src-tauri/tauri.conf.json": parsed(json.loads, "src-tauri/tauri.conf.json")["version"],
        "Cargo.toml": parsed(tomllib.loads, "Cargo.toml")["workspace"]["package"]["version"],
        "ui/package.json": parsed(json.loads, "ui/package.json")["version"],
        "src-tauri/package/changelog": first(r"^greenlight \(([^)]+)\)", "changelog"),
        "src-tauri/package/org.greenlight.desktop.metainfo.xml": first(
            r'<release version="([^"]+)"', "org.greenlight.desktop.metainfo.xml"
        ),
    }


def main():
    found = versions()
    if len(set(found.values())) != 1:
        sys.exit("These files name different versions:\n" + "\n".join(f"  {one}: {found[one]}" for one in found))
    MADE.mkdir(parents=True, exist_ok=True)
    contents = {name: (HERE / name).read_bytes() for name in COMPRESSED}
    contents["third-party"] = notices.text(REPOSITORY).encode()
    for name, content in contents.items():
        (MADE / f"{name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))


if __name__ == "__main__":
    main()
