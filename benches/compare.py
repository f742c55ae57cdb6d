#!/usr/bin/env python3
"""Counts the instructions of every bench in instructions.rs and compares them with benches/baseline.json.

    python3 benches/compare.py                      # fails when one takes over 3 % more than its baseline
    python3 benches/compare.py --renew              # writes what was counted as the new baseline
    python3 benches/compare.py --only '*respond*'   # some of them: FILE::GROUP::FUNCTION::ID, with asterisks

Counts depend on the compiler, and a little on what the processor has for copying octets: the baseline says with which it
was taken. With another compiler the differences are shown, and nothing fails.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

HOME = pathlib.Path(__file__).resolve().parent.parent
BASELINE = HOME / 'benches' / 'baseline.json'
PROFILE = 'ci'
# Of what is more than a few instructions; a handful more is shown and does not fail.
TOLERANCE = 0.03
SLACK = 3.0


def compiler():
    said = subprocess.run(['rustc', '--version'], check=True, capture_output=True, text=True).stdout
    return said.split()[1]


def repeats():
    """How often each bench does its work."""
    text = (HOME / 'benches' / 'instructions.rs').read_text()
    return int(re.search(r'const COUNT: usize = (\d+);', text)[1])


def count(only):
    """{name: instructions of one answer, or of one part of it}"""
    if shutil.which('gungraun-runner') is None:
        sys.exit('there is no gungraun-runner: run `make setup`')
    argv = [os.environ.get('CARGO', 'cargo'), 'bench', '--profile', PROFILE, '--locked', '--bench', 'instructions', '--',
            '--output-format=json', *([only] if only else [])]
    done = subprocess.run(argv, cwd=HOME, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f'{" ".join(argv)} ended with {done.returncode}')
    found, times = {}, repeats()
    for line in done.stdout.splitlines():
        if line.startswith('{'):
            bench = json.loads(line)
            total = bench['profiles'][0]['data']['total']['metrics']['Ir']['values']['new']
            found[f'{bench["function_name"]} {bench["id"]}'] = round(total / times, 1)
    if not found:
        sys.exit(f'no bench was run{f": nothing is called {only}" if only else ""}')
    return found


def compare(found, baseline):
    """Prints a line for each bench; returns the names of those that take more, and of those that take less."""
    more, less = [], []
    for name, now in found.items():
        was = baseline['instructions'].get(name)
        if was is None:
            print(f'{name:28} {now:9.1f}  new: it has no baseline')
            more.append(name)
            continue
        change = now / was - 1
        is_more = change > TOLERANCE and now - was > SLACK
        (more if is_more else less if change < -TOLERANCE else []).append(name)
        print(f'{name:28} {now:9.1f}  {100 * change:+6.1f} % of {was:.1f}{"  MORE" if is_more else ""}')
    return more, less


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--renew', action='store_true', help='writes the baseline')
    parser.add_argument('--only', metavar='PATTERN', help='some benches')
    arguments = parser.parse_args()
    if arguments.renew and arguments.only:
        parser.error('a baseline is of all benches')
    found, rustc = count(arguments.only), compiler()
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {'rustc': rustc, 'instructions': {}}
    more, less = compare(found, baseline)
    if arguments.renew:
        text = json.dumps({'rustc': rustc, 'profile': PROFILE, 'instructions': found}, indent=2)
        BASELINE.write_text(text + '\n')
        print(f'{BASELINE.relative_to(HOME)} has {len(found)} benches now')
        return 0
    gone = set() if arguments.only else set(baseline['instructions']) - set(found)
    if gone:
        print(f'in the baseline and no longer here: {", ".join(sorted(gone))}: `make bench-baseline` takes them out')
    if less:
        print(f'{len(less)} take over {100 * TOLERANCE:.0f} % less: `make bench-baseline` keeps that')
    if baseline['rustc'] != rustc:
        print(f'instructions: {len(found)} counted with rustc {rustc}; not judged, since the baseline is of {baseline["rustc"]}')
        return 0
    if more:
        print(f'{len(more)} take over {100 * TOLERANCE:.0f} % more than their baseline: {", ".join(more)}. Find out why '
              '(benches/README.md says how); where it is worth its cost, `make bench-baseline` writes a new one.',
              file=sys.stderr)
    print(f'instructions: {len(found)} benches, {len(more)} above the baseline')
    return 1 if more or gone else 0


if __name__ == '__main__':
    sys.exit(main())
