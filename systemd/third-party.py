#!/usr/bin/env python3
"""Prints the notices of all crates that are linked into seatwatch: their licences ask for it.

What is linked is asked of cargo; the texts are the files that the crates bring along. Texts that
are the same are printed once, under the names of all who use them.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

NOTICE = re.compile(r"(LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|UNLICENSE)", re.IGNORECASE)


def cargo(*arguments: str) -> str:
    """What cargo says, about this project as it is locked."""
    command = ["cargo", *arguments, "--locked"]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def linked() -> list[dict]:
    """The crates of others in the program, by name and version."""
    tree = cargo("tree", "--package", "seatwatch", "--edges", "normal", "--prefix", "none",
                 "--format", "{p}")
    wanted = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    packages = json.loads(cargo("metadata", "--format-version", "1"))["packages"]
    foreign = [one for one in packages if one["source"] and
               (one["name"], "v" + one["version"]) in wanted]
    return sorted(foreign, key=lambda one: (one["name"], one["version"]))


def notices(package: dict) -> list[str]:
    """The texts in the crate's own directory."""
    directory = Path(package["manifest_path"]).parent
    files = sorted(path for path in directory.iterdir() if path.is_file() and NOTICE.match(path.name))
    return [path.read_text(encoding="utf-8", errors="replace").strip() for path in files]


def main() -> None:
    users: dict[str, list[str]] = defaultdict(list)
    print("seatwatch is linked with these crates, all from https://crates.io:\n")
    for package in linked():
        name = f"{package['name']} {package['version']}"
        licence = package["license"] or "see its text below"
        print(f"  {name}: {licence}")
        texts = notices(package)
        if not texts:
            authors = ", ".join(package["authors"]) or "its authors"
            texts = [f"No text comes with the crate. Copyright: {authors}. Licence: {licence}."]
        for text in texts:
            users[text].append(name)
    for text, names in users.items():
        print(f"\n{'=' * 80}\n{', '.join(names)}:\n\n{text}")


if __name__ == "__main__":
    sys.exit(main())
