"""Draws the rows of compare.py as bars.

usage: chart.py RESULTS.jsonl... TARGET.svg
"""
import html
import json
import sys

NAMES = {'st': 'sentence-transformers', 'ov': 'OpenVINO', 'ort': 'ONNX Runtime', 'ct2': 'CTranslate2', 'mbed': 'mbed'}
BAR, GAP, LABEL, WIDTH = 16, 5, 190, 460


def name_of(engine):
    kind, precision = engine.split('-')
    return f'{NAMES[kind]} {precision}'


def panel(title, rows, top):
    """One group of bars, the fastest first, and the height that it took."""
    widest = max(row['texts_per_s'] for row in rows)
    parts = [f'<text x="0" y="{top + 14}" class="title">{html.escape(title)}</text>']
    y = top + 26
    for row in sorted(rows, key=lambda row: -row['texts_per_s']):
        length = max(1, WIDTH * row['texts_per_s'] / widest)
        kind = 'ours' if row['engine'].startswith('mbed') else 'other'
        parts.append(f'<text x="{LABEL - 8}" y="{y + 12}" class="name">{html.escape(name_of(row["engine"]))}</text>')
        parts.append(f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" class="{kind}"/>')
        parts.append(f'<text x="{LABEL + length + 6:.1f}" y="{y + 12}">{row["texts_per_s"]:,.0f}</text>')
        y += BAR + GAP
    return parts, y - top + 14


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    *sources, target = sys.argv[1:]
    groups = {}
    for source in sources:
        with open(source, encoding='utf8') as file:
            for row in map(json.loads, file):
                title = f'{row["texts"]}: texts a second ({row["tokens_mean"]} tokens in the mean, {row["threads"]} threads)'
                groups.setdefault(title, []).append(row)
    parts, top = [], 0
    for title, rows in groups.items():
        drawn, height = panel(title, rows, top)
        parts += drawn
        top += height
    style = ('text{font:12px sans-serif;fill:#57606a}.title{font-weight:bold}.name{text-anchor:end}'
             '.ours{fill:#1f883d}.other{fill:#8c959f}')
    with open(target, 'w', encoding='utf8') as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LABEL + WIDTH + 70} {top}">'
                   f'<style>{style}</style>{"".join(parts)}</svg>\n')


if __name__ == '__main__':
    main()
