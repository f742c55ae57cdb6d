"""Medians, intervals, the table and the chart of peers.py. Starts nothing and measures nothing."""
import html
import random
import statistics

WORKS = {
    'w1': 'an address',
    'w2': 'a balanced name',
    'w3': 'a balanced name, by client subnet',
    'w4': 'a name that does not exist',
    'w5': 'an address, signed',
    'w5nx': 'a name that does not exist, signed',
}
RESAMPLES = 5000


def interval(values, seed=1):
    """The median, and where the medians of 95 % of all resamples lie (bootstrap)."""
    chance = random.Random(seed)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    at = RESAMPLES // 40
    return statistics.median(values), medians[at], medians[-at - 1]


def ratios(runs, work, name, to):
    """Processor time of one server by that of another, round by round."""
    mine, theirs = ({run['round']: run['processor_us_per_answer'] for run in runs if (run['work'], run['server']) == (work, who)}
                    for who in (name, to))
    return [mine[number] / theirs[number] for number in sorted(mine) if theirs.get(number)]


def rows(result):
    """One for each work and server: medians of its runs."""
    runs, found = result['runs'], []
    for work in WORKS:
        for name in result['servers']:
            these = [run for run in runs if (run['work'], run['server']) == (work, name)]
            if not these:
                continue
            def middle(key, these=these):
                values = [run[key] for run in these if run.get(key) is not None]
                return statistics.median(values) if values else None
            row = {key: middle(key) for key in ('answers_per_second', 'processor_us_per_answer', 'octets_per_answer', 'resident_mib',
                                               'p50_us', 'p99_us')}
            row |= {'work': work, 'server': name, 'rounds': len(these), 'discarded': sum(run['discarded'] for run in these),
                    'disturbed': sum(run['disturbed'] for run in these), 'limited': any(run['limited'] for run in these),
                    'instructions': result['instructions'].get(f'{work} {name}')}
            for to in ('echo', 'gdnsd'):
                pairs = ratios(runs, work, name, to)
                row[f'by_{to}'] = interval(pairs) if pairs and name != to else None
            found.append(row)
    return found


def shown(value, digits=0, none=''):
    return none if value is None else f'{value:,.{digits}f}'


def ratio(found, rounds):
    if found is None:
        return ''
    # Fewer than three say nothing of how far they scatter.
    return f'{found[0]:.2f}' + (f' ({found[1]:.2f} to {found[2]:.2f})' if rounds >= 3 else '')


def table(result):
    """Markdown."""
    rate = result['rate']
    lines = [f'| work | server | processor time an answer, µs | × echo | × gdnsd | answers a second | instructions an answer | reply, octets '
             f'| memory, MiB | p50 / p99 at {rate:,}/s, µs |', '|---|---|---|---|---|---|---|---|---|---|']
    last = None
    for row in rows(result):
        work = f'{row["work"].replace("w", "W", 1)}: {WORKS[row["work"]]}' if row['work'] != last else ''
        last = row['work']
        marks = (' ⁽¹⁾' if row['limited'] else '') + (' ⁽²⁾' if row['disturbed'] else '')
        latency = f'{shown(row["p50_us"])} / {shown(row["p99_us"])}' if row['p50_us'] else ''
        lines.append(f'| {work} | {row["server"]} | {row["processor_us_per_answer"]:.2f} | {ratio(row["by_echo"], row["rounds"])} | {ratio(row["by_gdnsd"], row["rounds"])} '
                     f'| {shown(row["answers_per_second"])}{marks} | {shown(row["instructions"])} | {shown(row["octets_per_answer"])} '
                     f'| {shown(row["resident_mib"])} | {latency} |')
    notes = []
    if any(row['limited'] for row in rows(result)):
        notes.append('⁽¹⁾ The generator could not keep the server busy: a lower bound.')
    if any(row['disturbed'] for row in rows(result)):
        notes.append('⁽²⁾ Other processes took time from some of these runs, and from their repetitions.')
    rounds = max(row['rounds'] for row in rows(result))
    discarded = sum(row['discarded'] for row in rows(result))
    head = [f'{result["machine"]}. {result["versions"]}. {rounds} rounds of {result["seconds"]:g} s; medians, and the interval of 95 % in '
            f'brackets; {discarded} disturbed runs were repeated. Taken on {result["date"]}.', '']
    return '\n'.join([*head, *lines, *(['', *notes] if notes else [])]) + '\n'


STYLE = '''
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .head { font-weight: 600; }
  .figure { font-variant-numeric: tabular-nums; }
  .bar { fill: #8c959f; } .ours { fill: #0969da; } .whisker { stroke: #1f2328; stroke-width: 1.2; } .floor { stroke: #cf222e; stroke-dasharray: 4 3; }
  .note { fill: #59636e; font-size: 12px; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .bar { fill: #6e7681; } .ours { fill: #4493f8; } .whisker { stroke: #f0f6fc; } .floor { stroke: #ff7b72; }
    .note { fill: #9198a1; }
  }
'''


def chart(result):
    """SVG: for each work, how much processor time an answer takes, by what the echo takes."""
    found = [row for row in rows(result) if row['by_echo']]
    left, width, line, most = 130, 760, 22, 3.2
    scale = (width - left - 150) / most
    body, y = [], 54
    for work, what in WORKS.items():
        these = sorted((row for row in found if row['work'] == work), key=lambda row: row['by_echo'][0])
        if not these:
            continue
        body.append(f'<text class="head" x="10" y="{y}">{work.replace("w", "W", 1)}: {html.escape(what)}</text>')
        top = y + 8
        for row in these:
            y += line
            middle, low, high = row['by_echo']
            end, beyond = min(middle, most) * scale, middle > most
            body.append(f'<text x="{left - 8}" y="{y}" text-anchor="end">{html.escape(row["server"])}</text>'
                        f'<rect class="{"ours" if row["server"] == "azimuth" else "bar"}" x="{left}" y="{y - 12}" width="{end:.1f}" height="15" rx="2"/>')
            if not beyond:
                body.append(f'<line class="whisker" x1="{left + low * scale:.1f}" x2="{left + min(high, most) * scale:.1f}" y1="{y - 4.5}" y2="{y - 4.5}"/>')
            arrow = ' →' if beyond else ''
            body.append(f'<text class="figure" x="{left + min(max(high, middle), most) * scale + 8:.1f}" y="{y}">{middle:.2f}{arrow}</text>')
        body.append(f'<line class="floor" x1="{left + scale:.1f}" x2="{left + scale:.1f}" y1="{top}" y2="{y + 6}"/>')
        y += line + 14
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" role="img" '
            f'aria-label="Processor time an answer takes, by that of a bare UDP echo"><style>{STYLE}</style>\n'
            f'<text class="head" x="10" y="20">Processor time of an answer, by that of a bare UDP echo (dashed): shorter is better</text>\n'
            + '\n'.join(body)
            + f'\n<text class="note" x="10" y="{y - 8}">Medians and intervals of 95 %. {html.escape(result["date"])}, docs/PERFORMANCE.md</text>\n</svg>\n')
