#!/usr/bin/env python3
"""Azimuth in front of real HAProxies and nginxes, by following a page of the manual to the letter.

docs/manual/with-haproxy-and-nginx.md is the script. A block whose first line is a comment with the name of a file is laid out as
that file; every other block of `sh` is typed into one shell, in order. Where a block of `text` follows, the commands are typed
again until they print it, within the patience of the suites; an HTML comment between the two says what else is meant:

    <!-- between -->  the numbers are an example: the same lines, each number above 0 and below the sum of them
    <!-- grows -->    an example of a series: its first column never decreases, takes three values at least, and ends as shown

Commands without output behind them are typed once and must succeed. Knows nothing of what is configured there.

    python3 tests/interop/picture.py
    python3 tests/interop/picture.py --keep      # leaves the folder, with the logs
"""
import argparse
import contextlib
import dataclasses
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import time

import lab

PAGE = lab.HOME / 'docs' / 'manual' / 'with-haproxy-and-nginx.md'
PROGRAMS = ('haproxy', 'nginx', 'curl', 'dig', 'socat', 'python3')
FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.M | re.S)
FILE_NAME = re.compile(r'^[#;] ([\w.-]+\.[a-z]+)$')
MARK = re.compile(r'<!-- (\w+) -->')
MARKS = ('between', 'grows')
END = 'end-of-commands'


@dataclasses.dataclass
class Step:
    """A block of commands of the page, and what it prints."""

    heading: str
    line: int
    commands: str
    output: str | None = None
    mark: str | None = None


def read(page):
    """The files and the steps of the page."""
    text = page.read_text()
    headings = [(match.start(), match[1]) for match in re.finditer(r'^## (.+)$', text, re.M)]
    files, steps, behind = {}, [], 0
    for block in FENCE.finditer(text):
        language, content = block.groups()
        name = FILE_NAME.match(content.split('\n', 1)[0])
        line = text.count('\n', 0, block.start()) + 1
        between = text[behind:block.start()]
        behind = block.end()
        if name:
            files[name[1]] = content
        elif language == 'sh':
            heading = [words for start, words in headings if start < block.start()][-1]
            steps.append(Step(heading, line, content))
        elif language == 'text' and steps and not MARK.sub('', between).strip():
            steps[-1].output = content
            steps[-1].mark = next(iter(MARK.findall(between)), None)
            if steps[-1].mark not in (None, *MARKS):
                sys.exit(f'{page.name}:{line}: `{steps[-1].mark}` is none of {MARKS}')
    return files, steps


class Shell:
    """One shell, into which commands are typed; all that it starts is in a process group of its own."""

    def __init__(self, folder, path):
        self.label = 'shell'
        environment = dict(os.environ, PATH=path, LC_ALL='C')
        self.child = subprocess.Popen(['bash', '--norc', '--noprofile'], cwd=folder, env=environment, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.folder = pathlib.Path(folder)
        self.pending = b''

    def type(self, commands, limit):
        """What the commands print, and the exit code of the last."""
        self.child.stdin.write(f'{commands}\nprintf "\\n%s %s\\n" {END} $?\n'.encode())
        self.child.stdin.flush()
        end = time.monotonic() + limit
        last = re.compile(rf'^(.*?)\n{END} (\d+)\n', re.S)
        while not (match := last.match(self.pending.decode(errors='replace'))):
            ready, _, _ = select.select([self.child.stdout], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise lab.Failure(f'no end after {limit:.0f} s; so far: {self.pending.decode(errors="replace")[-500:]}')
            more = os.read(self.child.stdout.fileno(), 65536)
            if not more:
                raise lab.Failure('the shell has ended')
            self.pending += more
        self.pending = b''
        return match[1], int(match[2])

    def stop(self):
        # Whatever it started in the background is of its group, which nothing else is in.
        with contextlib.suppress(lab.Failure):
            lab.wait_until('all have ended', lambda: not self.signal_all(signal.SIGTERM), 5)
        self.signal_all(signal.SIGKILL)
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()

    def signal_all(self, number):
        """Whether there was anybody to signal."""
        self.child.poll()
        try:
            os.killpg(self.child.pid, number)
        except ProcessLookupError:
            return False
        return True

    def complaints(self, lines=6):
        """The ends of all logs in the folder."""
        said = []
        for path in sorted([*self.folder.glob('*/log'), *self.folder.glob('*.log')]):
            said += [f'{path.relative_to(self.folder)}: {line[:240]}' for line in path.read_text().splitlines()[-lines:]]
        return said


def numbers(text):
    return [int(number) for number in re.findall(r'^\d+', text, re.M)]


def matches(step, said):
    """Whether this is what the page shows."""
    want = step.output.strip()
    said = said.strip()
    if step.mark is None:
        return said == want
    if step.mark == 'between':
        total = sum(numbers(said))
        alike = re.sub(r'^\d+', '', said, flags=re.M) == re.sub(r'^\d+', '', want, flags=re.M)
        return alike and all(0 < number < total for number in numbers(said))
    series = numbers(said)
    return series == sorted(series) and len(set(series)) >= 3 and said.split('\n')[-1] == want.split('\n')[-1]


def follow(shell, step):
    if step.output is None:
        said, code = shell.type(step.commands, lab.PATIENCE)
        lab.expect(code == 0, f'ended with {code}: {said[-500:]}')
        return
    said = []
    patience = lab.PATIENCE if step.mark != 'grows' else 0

    def printed():
        said.append(shell.type(step.commands, lab.PATIENCE)[0])
        return matches(step, said[-1])
    if step.mark == 'grows':
        lab.expect(printed(), lambda: f'printed {said[-1]!r}')
        return
    lab.wait_until(lambda: f'{step.output!r} was to be printed, and at last this was: {said[-1]!r}', printed, patience)


def programs(laboratory):
    """A PATH on which the tools and the binary under test are."""
    for name in PROGRAMS:
        lab.program(name)
    folder = laboratory.subfolder('bin')
    (folder / 'azimuth').symlink_to(lab.azimuth_binary())
    return os.pathsep.join([str(folder), lab.PROGRAM_PATH])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--keep', action='store_true', help='leaves the folder')
    arguments = parser.parse_args()
    files, steps = read(PAGE)
    with lab.Lab('picture', arguments.keep) as laboratory:
        path = programs(laboratory)
        folder = laboratory.subfolder('page')
        for name, content in files.items():
            (folder / name).write_text(content)
        shell = laboratory.add(Shell(folder, path))
        with contextlib.suppress(lab.Unfinished):
            for step in steps:
                with laboratory.check(f'{step.heading}, line {step.line}', needed=True):
                    follow(shell, step)
        return laboratory.score()


if __name__ == '__main__':
    sys.exit(main())
