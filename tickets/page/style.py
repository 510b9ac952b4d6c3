"""The look of every page: one constant style sheet, for phone, screen and print, light and dark.

It holds nothing that comes from data, because it is written into the page as it is.
"""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  --ink: #1b1f24; --soft: #59636e; --line: #d5dbe1; --paper: #fff; --tile: #f5f7f9;
  --c0: #1f6feb; --c1: #c2570c; --c2: #13795b; --c3: #8250df; --c4: #a0740a; --c5: #59636e;
  --good: #13795b; --warn: #96600a; --bad: #c02636;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e9ed; --soft: #9aa4af; --line: #39424c; --paper: #14181d; --tile: #1d2329;
    --c0: #6cb0ff; --c1: #f0934e; --c2: #4cc38a; --c3: #b794f6; --c4: #dcb13c; --c5: #9aa4af;
    --good: #4cc38a; --warn: #e0a93b; --bad: #ff7b86;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 0 0 .75rem; }
p { margin: .25rem 0 .75rem; max-width: 46rem; }
header p { margin: .15rem 0; color: var(--soft); }
section { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: 1.25rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); gap: .75rem; margin: 1rem 0; }
.figures > div { background: var(--tile); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; }
dd.value { font-size: 1.35rem; font-weight: 600; line-height: 1.35; }
.note { color: var(--soft); font-size: .8rem; }
.table { margin: 1rem 0 1.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; min-width: 100%; font-size: .875rem; overflow-wrap: normal; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; font-size: .95rem; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th:first-child, td:first-child { position: sticky; left: 0; background: var(--paper); }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
td.text { overflow-wrap: anywhere; min-width: 9.5rem; unicode-bidi: isolate; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
.good { color: var(--good); font-weight: 600; }
.warn { color: var(--warn); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
figure { display: inline-block; vertical-align: top; width: 100%; max-width: 32rem; margin: .75rem 1.25rem 1rem 0; }
figcaption { font-weight: 600; font-size: .95rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 13px; }
svg .value { fill: var(--ink); }
svg .axis { stroke: var(--soft); stroke-width: 1; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .diagonal { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 4 4; }
svg .whisker { stroke: var(--ink); stroke-width: 1.5; }
svg .bar { fill: var(--c0); }
svg .line { fill: none; stroke-width: 2.25; stroke-linejoin: round; }
svg .s0 { stroke: var(--c0); } svg .s1 { stroke: var(--c1); stroke-dasharray: 7 3; }
svg .s2 { stroke: var(--c2); stroke-dasharray: 2 3; } svg .s3 { stroke: var(--c3); stroke-dasharray: 9 3 2 3; }
svg .s4 { stroke: var(--c4); stroke-dasharray: 4 2; } svg .s5 { stroke: var(--c5); stroke-dasharray: 1 4; }
svg .faint { fill: none; stroke: var(--soft); stroke-width: 1; stroke-opacity: .55; }
svg .dot { fill: var(--c0); }
svg .d0 { fill: var(--c0); } svg .d1 { fill: var(--c1); } svg .d2 { fill: var(--c2); }
svg .d3 { fill: var(--c3); } svg .d4 { fill: var(--c4); } svg .d5 { fill: var(--c5); }
@media (min-width: 60rem) { figure { width: calc(50% - 1.5rem); } }
@media print {
  :root {
    --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --tile: #fff;
    --c0: #1f6feb; --c1: #c2570c; --c2: #13795b; --c3: #8250df; --c4: #a0740a; --c5: #59636e;
    --good: #13795b; --warn: #96600a; --bad: #c02636;
  }
  body { font-size: 11pt; }
  main { max-width: none; padding: 0; }
  figure, tr, .figures > div { break-inside: avoid; }
  h2 { break-after: avoid; }
  .scroll { overflow: visible; }
  td.number { white-space: normal; }
}
"""
