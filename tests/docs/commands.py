"""Finds the commands in a document.

A command stands in a block that is marked as `console`, after `$ `, or after `# ` where root types
it. What follows a `<<'WORD'` belongs to it. Everything else in a block is what the command said.
"""

import dataclasses
import re

BLOCK = re.compile(r"^( *)```console\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
DOCUMENT = re.compile(r"<<'(\w+)'")


@dataclasses.dataclass(frozen=True)
class Command:
    page: str
    block: int
    line: int
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}: {self.text.splitlines()[0]}"


def of(page, text):
    """The commands of a page, in the order in which they stand there."""
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start()) + 2
        lines = iter(enumerate((line.removeprefix(block[1]) for line in block[2].splitlines()), first))
        for number, line in lines:
            if not line.startswith(("$ ", "# ")):
                continue
            command = [line[2:]]
            while command[-1].endswith("\\"):
                command.append(next(lines)[1])
            if end := DOCUMENT.search(line):
                for _, more in lines:
                    command.append(more)
                    if more == end[1]:
                        break
            yield Command(page, first, number, "\n".join(command))


def sample(text, word):
    """The first YAML of a page that has this word in it."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return next(block for block in blocks if word in block)
