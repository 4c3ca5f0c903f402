# SPDX-License-Identifier: BSD-2-Clause
"""Draws the results of a run as SVG."""

import math
import statistics

from .results import NAMES, loss_levels, shares

COLOURS = {"aoe": "#06c", "linux": "#c60", "iscsi": "#283", "iscsi-long": "#7a4", "ggate": "#888"}
SHORT = (("random ", ""), ("seq. ", "seq. "), (", depth ", " "), (", aio", " aio"))
HEIGHT, LEFT = 150, 44
CENTRED = ' text-anchor="middle" font-size="10"'


def _text(x, y, text, extra=""):
    return f'<text x="{x:.0f}" y="{y:.0f}"{extra}>{text}</text>'


def _short(work):
    for old, new in SHORT:
        work = work.replace(old, new)
    return work


def step_of(most):
    """A round step, so that a scale up to `most` has two to five steps."""
    power = 10 ** math.floor(math.log10(most))
    return next(step for step in (power / 5, power / 2, power, power * 2) if most / step <= 5)


def panel(top, width, title, groups, unit):
    """Bars in groups: [(name, [(system, values, solid part)])].  A bar is as high as the median of
    its values, with a line from the least to the greatest; the scale has round ticks."""
    base = top + 24 + HEIGHT
    largest = max(max(values) for _, bars in groups for _, values, _ in bars)
    step = step_of(largest)
    ticks = math.ceil(largest / step)
    most = ticks * step
    out = [_text(LEFT, top + 14, title)]
    for tick in range(1, ticks + 1):
        y = base - HEIGHT * tick / ticks
        out.append(f'<path d="M{LEFT},{y:.0f}H{width - 8}" stroke="#ddd"/>')
        out.append(_text(LEFT - 4, y + 4, f"{tick * step:g}{unit}", ' text-anchor="end"'))
    each = (width - LEFT - 8) / len(groups)
    for number, (name, bars) in enumerate(groups):
        left = LEFT + number * each
        thick = each * 0.84 / len(bars)
        for place, (system, values, solid) in enumerate(bars):
            x = left + each * 0.08 + place * thick
            for amount, opacity in ((statistics.median(values), 0.4), (solid, 1)):
                tall = HEIGHT * amount / most
                out.append(f'<rect x="{x:.1f}" y="{base - tall:.1f}" width="{thick * 0.9:.1f}" '
                           f'height="{tall:.1f}" fill="{COLOURS[system]}" opacity="{opacity}"/>')
            low, high = (base - HEIGHT * value / most for value in (min(values), max(values)))
            out.append(f'<path d="M{x + thick * 0.45:.1f},{low:.1f}V{high:.1f}" stroke="#222"/>')
        middle = left + each / 2
        for row, part in enumerate(name.split("\n")):
            out.append(_text(middle, base + 13 + 12 * row, part, CENTRED))
    out.append(f'<path d="M{LEFT},{base}H{width - 8}" stroke="#888"/>')
    out.append(_text(LEFT - 4, base + 4, "0", ' text-anchor="end"'))
    return "\n".join(out)


def picture(width, panels, systems, note):
    """The panels one below the other, with a legend."""
    height = len(panels) * (HEIGHT + 60) + 30
    legend, x = [], LEFT
    for system in systems:
        legend.append(f'<rect x="{x}" y="8" width="12" height="12" fill="{COLOURS[system]}"/>')
        legend.append(_text(x + 16, 18, NAMES[system]))
        x += 90
    legend.append(_text(x, 18, note, ' font-size="11"'))
    drawn = [draw(30 + number * (HEIGHT + 60)) for number, draw in enumerate(panels)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            'font-family="sans-serif" font-size="12">'
            '<rect width="100%" height="100%" fill="white"/>\n'
            + "\n".join(legend + drawn) + "\n</svg>\n")


def instructions(results):
    """The instructions per I/O of each system: in total and, solid, net of a null disk."""
    systems = [s for s in NAMES if s in results.having("counts", 1)]
    width, panels = 900, []
    for mtu in results.having("counts", 2):
        for size in ("4 KiB", "128 KiB"):
            groups = []
            for work in results.having("counts", 3):
                bars = [(s, results.values.get(("counts", s, mtu, work)), results.net(s, mtu, work))
                        for s in systems]
                bars = [(s, [total / 1e3 for total in totals], max(net, 0) / 1e3) for s, totals, net in bars
                        if None not in (totals, net)]
                if work.startswith(size) and bars:
                    groups.append((_short(work.removeprefix(size + " ")), bars))
            if groups:
                title = f"{size}, MTU {mtu}: thousands of instructions per I/O, by kind and depth"
                panels.append(lambda top, t=title, g=groups: panel(top, width, t, g, "k"))
    return picture(width, panels, systems, "pale: total; solid: net of a null disk; line: range of the runs")


def goodput(results):
    """The share of the lossless rate that remains when frames are lost."""
    systems = [s for s in NAMES if s in results.having("loss 0", 1)]
    width, panels = 900, []
    for mtu in results.having("loss 0", 2):
        groups, levels = [], [level for level in loss_levels(results) if level]
        for work in results.having("loss 0", 3):
            for number, level in enumerate(levels):
                bars = [(s, shares(results, s, mtu, work, level)) for s in systems]
                bars = [(s, values, statistics.median(values)) for s, values in bars if values]
                name = f"{level:g}%" + (f"\n{work}" if number == len(levels) // 2 else "")
                if bars:
                    groups.append((name, bars))
        title = f"MTU {mtu}: share of the lossless rate, by frames lost each way"
        panels.append(lambda top, t=title, g=groups: panel(top, width, t, g, "%"))
    return picture(width, panels, systems, "median of the rounds; line: their range")
