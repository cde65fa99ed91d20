"""report.json, report.md and report.html (self-contained) of the cells that are known."""
import dataclasses
import datetime
import html
import json
import os

import machine

NOISY = 0.1  # of the machine
STYLE = """
body{font:15px/1.5 "DejaVu Sans",system-ui,sans-serif;color:#1d2229;max-width:74rem;margin:2rem auto;
padding:0 1.2rem}h1{font-size:1.7rem;margin-bottom:.2rem}h2{margin-top:2.6rem;border-bottom:2px solid
#e3e6ea;padding-bottom:.2rem}table{border-collapse:collapse;margin:.4rem 0 1.4rem;font-size:.86rem;
font-variant-numeric:tabular-nums}caption{text-align:left;font-weight:bold;padding:.3rem 0}
th,td{padding:.22rem .6rem;text-align:right;border-bottom:1px solid #e8eaed}th:first-child,
td:first-child,.claims td,.claims th{text-align:left}td{white-space:nowrap}td:last-child{white-space:normal}thead th{border-bottom:2px solid #b9bfc7;
vertical-align:bottom}tbody tr:hover{background:#f5f8f7}figure{margin:1rem 0 1.8rem}figure svg{
max-width:100%;height:auto}figcaption{color:#555;font-size:.86rem}.holds{color:#12805c;font-weight:bold}
.not{color:#b3261e;font-weight:bold}.facts{color:#555;font-size:.86rem}details{margin-top:1rem}
.scroll{overflow-x:auto}
"""


def cell_rows(results):
    """One row a cell: how much was sampled, what failed, and how quiet the machine was."""
    rows = []
    for name, result in results.items():
        use = result.get("use", {})
        rows.append([name, "could not be measured: " + result["broken"] if "broken" in result else
                     str(result.get("samples", result.get("iterations", "–"))),
                     str(result.get("errors", "–")), f"{result['took_s']:.0f} s",
                     f"{use['foreign_cpu_s']:.1f} of {use['seconds']:.0f} s" if use else "–",
                     result["revision"]])
    return ["cell", "samples", "errors", "took", "foreign CPU", "commit"], rows


def noise(results):
    """A sentence about cells that something else on the machine disturbed; empty without any."""
    disturbed = [name for name, result in results.items() if (use := result.get("use")) and
                 use["foreign_cpu_s"] > NOISY * use["seconds"] * os.cpu_count()]
    if not disturbed:
        return ""
    which = "" if len(disturbed) == len(results) else ": " + ", ".join(disturbed)
    return (f"Beware: while {len(disturbed)} of {len(results)} cells were measured, something else took more "
            f"than a tenth of the machine; their figures, and what is claimed of them, say little{which}.")


def markdown_table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(word).replace("|", "\\|") for word in row) + " |"
                              for row in rows])


def html_table(head, rows, caption="", kind=""):
    cells = lambda words, tag: "".join(  # noqa: E731
        f"<{tag}>{word if str(word).startswith('<span') else html.escape(str(word))}</{tag}>"
        for word in words)
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return (f'<div class="scroll"><table class="{kind}"><caption>{html.escape(caption)}</caption>'
            f"<thead><tr>{cells(head, 'th')}</tr></thead><tbody>{body}</tbody></table></div>")


def claims_of(sections):
    return [(section.name, claim) for section in sections for claim in section.claims]


def markdown(facts, sections, cells, made, warning):
    out = [f"# Studyhall, measured\n\n{made}. {describe(facts)}\n\nCommand: `{facts['command']}`\n"]
    if warning:
        out.append(f"**{warning}**\n")
    claims = claims_of(sections)
    if claims:
        out.append("## What was to be shown\n\n" + markdown_table(
            ["table", "claim", "measured", "bound", ""],
            [[name, claim.text, claim.value, claim.bound, "holds" if claim.holds else "**does not**"]
             for name, claim in claims]) + "\n")
    for section in sections:
        out.append(f"## {section.name}: {section.title}\n\n{section.text}\n")
        out += [f"**{table.caption}**\n\n{markdown_table(table.head, table.rows)}\n"
                for table in section.tables]
    out.append("## Cells\n\n" + markdown_table(*cells) + "\n")
    out.append("## Versions\n\n" + markdown_table(["package", "version"], list(
        facts["versions"].items())) + "\n")
    return "\n".join(out)


def page(facts, sections, cells, made, warning):
    out = ['<!doctype html><html lang="en"><meta charset="utf-8"><title>Studyhall, measured</title>'
           '<meta name="viewport" content="width=device-width">'
           f"<style>{STYLE}</style><h1>Studyhall, measured</h1>"
           f'<p class="facts">{html.escape(made)}. {html.escape(describe(facts))}<br>'
           f"Command: <code>{html.escape(facts['command'])}</code></p>"]
    if warning:
        out.append(f'<p class="not">{html.escape(warning)}</p>')
    rows = [[name, claim.text, claim.value, claim.bound,
             f'<span class="{"holds" if claim.holds else "not"}">'
             f'{"holds" if claim.holds else "does not"}</span>']
            for name, claim in claims_of(sections)]
    if rows:
        out.append("<h2>What was to be shown</h2>" + html_table(
            ["table", "claim", "measured", "bound", ""], rows, kind="claims"))
    for section in sections:
        out.append(f"<h2>{section.name}: {html.escape(section.title)}</h2>"
                   f"<p>{html.escape(section.text)}</p>")
        out += [f"<figure>{chart.svg}<figcaption>{html.escape(chart.caption)}</figcaption></figure>"
                for chart in section.charts]
        out += [html_table(table.head, table.rows, table.caption) for table in section.tables]
    out.append("<h2>Cells</h2>" + html_table(*cells))
    out.append("<details><summary>Versions</summary>" + html_table(
        ["package", "version"], list(facts["versions"].items())) + "</details></html>")
    return "\n".join(out)


def describe(facts):
    return (f"{facts['cores']} cores of {facts['processor']}, {facts['memory_gb']} GB, "
            f"{facts['system']}, Linux {facts['kernel']}; the load runs on the same machine; "
            f"commit {facts['commit']}")


def write(directory, results, tables, command):
    """Returns the sections."""
    good = {name: result for name, result in results.items() if "broken" not in result}
    sections = [section for table in tables if (section := table.section(good))]
    facts, cells = machine.facts(command), cell_rows(results)
    made = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    warning = noise(results)
    document = {"made": made, **facts, "warning": warning, "cells": results,
                "claims": [{"table": name, **dataclasses.asdict(claim)}
                           for name, claim in claims_of(sections)],
                "ratios": {name: value for section in sections
                           for name, value in section.ratios.items()}}
    for name, text in (("json", json.dumps(document, indent=1)),
                       ("md", markdown(facts, sections, cells, made, warning)),
                       ("html", page(facts, sections, cells, made, warning))):
        with open(os.path.join(directory, "report." + name), "w", encoding="utf-8") as file:
            file.write(text)
    return sections
