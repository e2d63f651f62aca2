"""A bar chart as an SVG that reads well on light and on dark pages."""

import html

# The rows that a visitor feels, in that order.
ROWS = ["h2-1k", "h2-20k", "page", "tls-20k", "fresh", "h1-1k", "304", "coded", "bulk-tls", "idle"]

WIDTH = 760
LEFT = 150  # room for the names of servers
RIGHT = 60  # room for a bar's figure
BAR = 13
STEP = 16
HEAD = 26  # above the bars of a row
GAP = 12  # below them
LONGEST = 2.5  # times nginx; a longer bar is cut, and its figure says how long it is

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .head { font-weight: 600 }
  .bar { fill: #afb8c1 } .nginx { fill: #6e7781 } .shost { fill: #0969da }
  .one { stroke: #6e7781; stroke-dasharray: 2 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .bar { fill: #484f58 } .nginx { fill: #8b949e } .shost { fill: #58a6ff }
    .one { stroke: #8b949e }
  }
"""


def draw(workloads, summaries):
    """The chart: for each workload a bar for each server, as long as its ratio to nginx."""
    top = 0
    parts = []
    for workload in sorted(workloads, key=position):
        entries = [entry for entry in summaries.get(workload.name, []) if entry.ratio]
        if workload.name in ROWS and entries:
            parts.append(draw_row(workload, entries, top))
            top += HEAD + STEP * len(entries) + GAP
    parts.append(note(top))
    height = top + HEAD
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    label = "CPU time and memory relative to nginx; shorter is better"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>\n"])


def draw_row(workload, entries, top):
    """The title of a workload, its bars, and the line at nginx's length."""
    parts = [f'<text class="head" x="0" y="{top + 16}">{html.escape(workload.title)}</text>']
    for number, entry in enumerate(sorted(entries, key=lambda entry: entry.ratio)):
        parts.append(draw_bar(entry, top + HEAD + number * STEP))
    one, bottom = LEFT + scale(1), top + HEAD + STEP * len(entries)
    parts.append(f'<line class="one" x1="{one}" y1="{top + HEAD - 3}" x2="{one}" y2="{bottom}"/>')
    return "\n".join(parts)


def draw_bar(entry, top):
    length = scale(min(entry.ratio, LONGEST))
    known = f" {entry.server}" if entry.server in ("shost", "nginx") else ""
    cut = "…" if entry.ratio > LONGEST else ""
    base = top + BAR - 2
    return "\n".join(
        [
            f'<text x="{LEFT - 8}" y="{base}" text-anchor="end">{html.escape(entry.server)}</text>',
            f'<rect class="bar{known}" x="{LEFT}" y="{top}" width="{length}" '
            f'height="{BAR}" rx="2"/>',
            f'<text x="{LEFT + length + 6}" y="{base}">{cut}{entry.ratio:.2f}</text>',
        ]
    )


def note(top):
    text = "CPU time (memory in the last row) relative to nginx = 1. Shorter is better."
    return f'<text x="0" y="{top + 14}">{text}</text>'


def scale(ratio):
    """The length of a bar in pixels."""
    return round(ratio / LONGEST * (WIDTH - LEFT - RIGHT), 1)


def position(workload):
    return ROWS.index(workload.name) if workload.name in ROWS else len(ROWS)
