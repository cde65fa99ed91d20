"""Charts as SVG, by matplotlib: one colour a system throughout, and names beside what they name."""
import io
import re

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter  # noqa: E402

COLOURS = {"case-a": "#8a8f98", "case-b": "#d9782d", "async": "#3f7fc1", "celery": "#8d6bb8",
           "studyhall": "#12805c", "studyhall-direct": "#57b894", "nginx": "#444444",
           "stand-in": "#bbbbbb"}
NAMES = {"case-a": "Case A (sync)", "case-b": "Case B (gevent)", "async": "FastAPI",
         "celery": "Case B + Celery", "studyhall": "Studyhall", "studyhall-direct": "Studyhall, direct"}
PALE = 0.45
plt.rcParams.update({
    "svg.fonttype": "none", "font.family": ["DejaVu Sans", "sans-serif"], "font.size": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e6e6e6",
    "axes.axisbelow": True, "axes.edgecolor": "#999999", "axes.titlesize": 11,
    "axes.titleweight": "bold", "axes.titlelocation": "left", "svg.hashsalt": "studyhall"})


def name_of(system):
    return NAMES.get(system, system)


def colour_of(system):
    return COLOURS.get(system, "#666666")


def svg(figure):
    """The figure as an element to be put into a page: ids that no other figure has."""
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    text = out.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg"):], flags=re.S)
    mark = f"c{abs(hash(text)) % 10**8}-"
    text = re.sub(r'\bid="', f'id="{mark}', text)
    text = re.sub(r'xlink:href="#', f'xlink:href="#{mark}', text)
    return re.sub(r"url\(#", f"url(#{mark}", text)


def panels(count, height=3.4):
    figure, axes = plt.subplots(1, count, figsize=(6.2 * count, height), squeeze=False)
    figure.subplots_adjust(wspace=0.62)
    return figure, list(axes[0])


def plain(value, _=None):
    return f"{value:g}"


def log_scale(axis, locator=None):
    if locator:
        axis.set_major_locator(locator)
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_formatter(NullFormatter())


def number(value):
    """Three figures, and never in the form 1e+03."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def lines(axes, title, series, x_label, y_label, log_x=True, log_y=True):
    """`series`: {system or (system, remark): [(x, y)]}; a remark makes it pale and dashed."""
    axes.set_title(title)
    ends = []
    for key, points in series.items():
        system, remark = key if isinstance(key, tuple) else (key, "")
        points = [point for point in points if point[1] is not None]
        if not points:
            continue
        axes.plot(*zip(*points), marker="o", markersize=4, linewidth=1.2 if remark else 2.2,
                  color=colour_of(system), linestyle="--" if remark else "-",
                  alpha=0.6 if remark else 1)
        ends.append((points[-1], name_of(system) + (f", {remark}" if remark else ""), system, remark))
    if log_x:
        axes.set_xscale("log")
        axes.set_xticks(sorted({x for points in series.values() for x, _ in points}))
        log_scale(axes.xaxis)
    if log_y:
        axes.set_yscale("log")
        log_scale(axes.yaxis, LogLocator(subs=(1, 2, 5)))
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    label_ends(axes, ends)


def label_ends(axes, ends, gap=13):
    """Names at the right ends of the lines, pushed apart where they would overlap."""
    axes.figure.canvas.draw()
    placed = []
    for (x, y), text, system, remark in sorted(ends, key=lambda end: end[0][1]):
        height = axes.transData.transform((x, y))[1]
        if placed and height < placed[-1] + gap:
            height = placed[-1] + gap
        placed.append(height)
        shift = (height - axes.transData.transform((x, y))[1]) * 72 / axes.figure.dpi
        axes.annotate(text, (x, y), xytext=(8, shift), textcoords="offset points", va="center",
                      fontsize=9, color=colour_of(system), fontweight="normal" if remark else "bold",
                      annotation_clip=False)


def bars(axes, title, values, unit, parts=None, ours=()):
    """`values`: {label or system: number}, one bar each with its number. `parts`: {label: the part of
    it that is drawn pale}. `ours`: labels that are drawn as Studyhall is."""
    axes.set_title(title)
    labels = list(values)
    for row, label in enumerate(labels):
        value, pale = values[label], (parts or {}).get(label, 0)
        system = "studyhall" if label in ours else label if label in COLOURS else label.split(" ")[0]
        axes.barh(row, value - pale, color=colour_of(system), height=0.62)
        if pale:
            axes.barh(row, pale, left=value - pale, color=colour_of(system), height=0.62, alpha=PALE)
        axes.annotate(f"{number(value)} {unit}", (value, row), xytext=(5, 0), va="center", fontsize=9,
                      textcoords="offset points")
    axes.set_yticks(range(len(labels)), [name_of(label) for label in labels])
    middle, half = (len(labels) - 1) / 2, max(3, len(labels)) / 2 + 0.1  # two are no fatter than three
    axes.set_ylim(middle + half, middle - half)  # the first on top
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.margins(x=0.18)
    axes.set_xlabel(unit)
