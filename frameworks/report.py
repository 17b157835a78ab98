"""A comparison's result as Markdown, JSON and a picture."""
import json
import statistics

OURS = "purnet"


def summary(row):
    """Adds the figures that are shown: median, least, the middle 80 % of all runs, start-up."""
    runs = sorted(ms for turn in row.get("ms", []) for ms in turn)
    if runs:
        low, high = runs[len(runs) // 10], runs[-1 - len(runs) // 10]
        row |= {"median": statistics.median(runs), "least": runs[0], "low": low, "high": high, "start": statistics.median(row["start_s"])}
    return row


def fastest(rows, measure, peers_only=True):
    values = [r[measure] for r in rows if measure in r and r.get("precision") == "f32" and not (peers_only and r["name"].startswith(OURS))]
    return min(values, default=None)


def deviation(row):
    found = row.get("difference", {})
    return ", ".join(f"{name} {value:.1e}" for name, value in found.items())


def table(session, task):
    rows = [summary(row) for row in session["rows"]]
    best = fastest(rows, "median")
    measured = sorted((r for r in rows if "median" in r and "error" not in r), key=lambda r: r["median"])
    lines = [
        f"| {'step' if task == 'train' else 'level-1 map'} | version | precision | median ms | least | 10 % - 90 % | to fastest float32 peer | peak MB | start to first result, s | difference from float64 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in measured:
        ratio = f"{r['median'] / best:.2f}" if best else ""
        lines.append(f"| {r['name']} | {', '.join(filter(None, (r['version'], r.get('launched'))))} | {r['precision']} | {r['median']:.1f} | {r['least']:.1f} | {r['low']:.1f} - {r['high']:.1f} | {ratio} | {r['peak_mb']:.0f} | {r['start']:.2f} | {deviation(r)} |")
    lines.append("")
    for r in rows:
        if "error" in r:
            lines.append(f"- **{r['name']}: {r['error']}**")
        elif "absent" in r:
            lines.append(f"- {r['name']}: not run, {r['absent']}")
    ours = [r for r in measured if r["name"] == "purnet-f32"]
    if ours and best:
        least_memory = fastest(measured, "peak_mb")
        lines.append(f"- purnet-f32: {ours[0]['median'] / best:.2f} x the time of the fastest float32 peer, {ours[0]['peak_mb'] / least_memory:.2f} x the memory of the smallest")
    if session.get("predict_s"):
        seconds = statistics.median(session["predict_s"])
        to = ", ".join(f"{seconds / r['start']:.2f} of {r['name']}'s start" for r in measured if r["name"] in ("torch-eager", "torch-channels-last", "onnxruntime-f32", "openvino-f32", "ncnn-winograd"))
        lines.append(f"- `purnet predict` on one picture, from the creation of its process to its end with the mask on disk, packed weights kept by an earlier start: {seconds:.3f} s" + (f" ({to})" if to else ""))
    return lines


def markdown(result, stem):
    m = result["machine"]
    title = "Training step, stage 3, all losses, SGD" if result["task"] == "train" else "Map of level 1"
    lines = [
        f"# {title}: {result['backbone']}",
        "",
        f"{m['cpu']} (family/model {m['family_model']}; {', '.join(m['sets'])}), {m['cores']} cores, {m['memory_gb']} GB, {m['system']}, {m['date']}, engine {m['engine']}, load before {m['load_before']:.1f}."
        + (f" Instructions limited to {result['isa']}." if result["isa"] else ""),
        "",
        f"Made by `{result['command']}`. Same weights ({result['weights']}), same input; outputs compared first; turns alternate; all other contestants are stopped meanwhile.",
        "",
        f"![medians]({stem.name}.svg)",
        "",
    ]
    for session in result["sessions"]:
        h, w = session["size"]
        lines += [f"## {h} x {w}, batch {session['batch']}, {session['threads']} threads", "", *table(session, result["task"]), ""]
    return "\n".join(lines)


def svg(result):
    """Bars of the medians with the middle 80 % as whiskers, one block a session."""
    width, left, bar, gap = 860, 220, 18, 8
    parts, y = [], 24
    for session in result["sessions"]:
        rows = sorted((r for r in session["rows"] if "median" in r and "error" not in r), key=lambda r: r["median"])
        if not rows:
            continue
        scale = (width - left - 110) / max(r["high"] for r in rows)
        h, w = session["size"]
        parts.append(f'<text x="8" y="{y}" font-weight="bold">{result["task"]}, {result["backbone"]}, {h} x {w}, batch {session["batch"]}, {session["threads"]} threads (ms)</text>')
        y += 12
        for r in rows:
            colour = "#1b7f5c" if r["name"].startswith(OURS) else "#7a8aa0" if r["precision"] == "f32" else "#b9a06a"
            middle = y + bar / 2
            parts += [
                f'<text x="{left - 8}" y="{middle + 4}" text-anchor="end">{r["name"]}</text>',
                f'<rect x="{left}" y="{y}" width="{r["median"] * scale:.1f}" height="{bar}" fill="{colour}"/>',
                f'<path d="M{left + r["low"] * scale:.1f} {middle}H{left + r["high"] * scale:.1f}" stroke="#222"/>',
                f'<text x="{left + r["high"] * scale + 6:.1f}" y="{middle + 4}">{r["median"]:.1f}</text>',
            ]
            y += bar + gap
        y += 24
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"


def write(result, stem):
    text = markdown(result, stem)  # fills in the summaries that the others show
    files = {".md": text, ".json": json.dumps(result, indent=1) + "\n", ".svg": svg(result)}
    written = []
    for ending, content in files.items():
        path = stem.with_name(stem.name + ending)
        path.write_text(content)
        written.append(path)
    return written
