// How the page looks, light and dark, and its icon. Not here: what is on it (document.ts, browser/).

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M4 8h8" stroke="#5b7cc4" stroke-width="2"/><circle cx="3.5" cy="8" r="2.5" fill="#5b7cc4"/><circle cx="12.5" cy="8" r="2.5" fill="#2f9e78"/></svg>
`;

export const STYLE = `:root {
  color-scheme: light dark;
  --page: #f6f7f9; --panel: #fff; --line: #d9dde4; --text: #1c2330; --soft: #5a6475; --focus: #1f5fd6;
  --route: #4a6fc0; --tunnel: #17734f; --forward: #8a5cb8; --exit: #5a6475; --cell: #fff; --cell-line: #c3cad6;
  --gateway: #eef3fc; --network: #e9f6f1; --red: #c02626; --red-soft: #fdecec; --amber: #8a5a00; --frame: #eef0f4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171c; --panel: #1b1f26; --line: #323945; --text: #e4e8ef; --soft: #9aa5b6; --focus: #7fb0ff;
    --route: #84a5ea; --tunnel: #58c19b; --forward: #bf97e6; --exit: #9aa5b6; --cell: #222832; --cell-line: #434d5d;
    --gateway: #222c40; --network: #1b322b; --red: #ff8080; --red-soft: #3a1f22; --amber: #e4b155; --frame: #1a1e25;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--page); color: var(--text); font: 14px/1.45 system-ui, "DejaVu Sans", sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 18px; padding: 10px 20px; background: var(--panel); border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 18px; font-weight: 650; letter-spacing: .01em; }
h1 small, #counts, #live { color: var(--soft); font-size: 13px; font-weight: 400; }
#health { font-size: 13px; color: var(--tunnel); }
#health:not(:empty)::before { content: "● "; }
#health.failing { color: var(--red); font-weight: 600; }
#live.stale { color: var(--red); font-weight: 600; }
.search { margin-left: auto; color: var(--soft); font-size: 13px; }
input { font: inherit; color: var(--text); background: var(--page); border: 1px solid var(--line); border-radius: 8px; padding: 5px 10px; width: 190px; max-width: 60vw; }
main { display: grid; grid-template-columns: minmax(0, 1fr); align-items: start; }
#problems { margin: 16px 20px 0; padding: 10px 16px; background: var(--red-soft); border: 1px solid var(--red); border-radius: 12px; max-height: 40vh; overflow: auto; }
#problems h2 { margin: 0 0 4px; font-size: 14px; color: var(--red); }
#problems ul, .problems, .warnings { margin: 0; padding: 0; list-style: none; }
#problems li { display: flex; flex-wrap: wrap; gap: 2px 10px; align-items: baseline; padding: 2px 0; overflow-wrap: anywhere; }
#problems button { display: inline-flex; gap: 10px; align-items: baseline; font: inherit; color: inherit; background: none; border: 0; border-radius: 6px; padding: 2px 4px; margin-left: -4px; cursor: pointer; text-align: left; }
#problems button:hover b { text-decoration: underline; }
code, pre { font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
#picture { padding: 16px 20px; overflow: auto; }
#empty { color: var(--soft); text-align: center; margin: 60px 0; }
#graph { display: block; margin: 0 auto; }
#graph text { fill: var(--text); font-size: 13px; }
.frames rect { fill: var(--frame); stroke: var(--line); }
.cell { cursor: pointer; outline: none; transition: opacity .15s; }
.cell.dim { opacity: .22; }
.cell .box { fill: var(--cell); stroke: var(--cell-line); stroke-width: 1; }
.cell.network .box { fill: var(--network); stroke: var(--tunnel); }
.cell.exit .box, .cell.address .box, .cell.host .box, .cell.nowhere .box { fill: var(--page); stroke-dasharray: 4 3; }
.cell:hover .box { stroke: var(--focus); }
#graph .cell .name { font-weight: 600; }
#graph .cell .detail { fill: var(--soft); font-size: 11.5px; }
.cell.stopped .box { stroke-dasharray: 4 3; }
#graph .cell.stopped .name, #graph .cell.waiting .name { fill: var(--soft); }
.cell.broken .box { fill: var(--red-soft); stroke: var(--red); stroke-width: 1.5; }
#graph .cell .sign { font-weight: 800; fill: var(--soft); }
#graph .cell.broken .sign, #graph .cell.broken .name, #graph .cell.broken .detail { fill: var(--red); }
#graph .cell.warned .sign { fill: var(--amber); }
.cell.selected .box { stroke: var(--focus); stroke-width: 2; }
.cell:focus-visible .box { stroke: var(--focus); stroke-width: 3; }
.edge { fill: none; stroke: var(--exit); stroke-width: 1.5; opacity: .75; }
.edge.route { stroke: var(--route); }
.edge.tunnel { stroke: var(--tunnel); }
.edge.forward { stroke: var(--forward); stroke-dasharray: 5 4; }
.edge.broken { stroke: var(--red); }
.edge.lit { stroke-width: 3; opacity: 1; }
.arrow path { fill: context-stroke; }
#graph .word { text-anchor: middle; font-size: 11.5px; fill: var(--soft); paint-order: stroke; stroke: var(--page); stroke-width: 5px; stroke-linejoin: round; }
#graph .word.route { fill: var(--route); }
#graph .word.tunnel { fill: var(--tunnel); }
#graph .word.forward { fill: var(--forward); }
#graph .words.broken .word.route { fill: var(--red); }
#details { margin: 0 20px 16px; padding: 14px 18px; background: var(--panel); border: 1px solid var(--line); border-radius: 14px; min-width: 0; }
.title { display: flex; align-items: start; gap: 10px; }
#details h2 { margin: 0; flex: 1; font-size: 17px; overflow-wrap: anywhere; outline: none; }
#details h3 { margin: 14px 0 4px; font-size: 12.5px; font-weight: 600; color: var(--soft); }
.close { font-size: 20px; line-height: 1; color: var(--soft); background: none; border: 0; border-radius: 8px; padding: 3px 9px; cursor: pointer; }
.close:hover { background: var(--page); }
.state { margin: 2px 0 0; color: var(--soft); }
.problems li, .warnings li { padding: 6px 10px; margin: 4px 0; border-left: 3px solid var(--amber); background: var(--page); overflow-wrap: anywhere; }
.problems li, p.problem { border-left: 3px solid var(--red); background: var(--red-soft); }
p.problem { padding: 6px 10px; margin: 8px 0 0; }
.problems span, .warnings span, .problems small, .warnings small { display: block; }
.problems code { color: var(--red); }
small { color: var(--soft); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 2px 14px; margin: 0; }
dt { color: var(--soft); max-width: 150px; overflow-wrap: anywhere; }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
pre { margin: 0; padding: 10px 12px; background: var(--page); border: 1px solid var(--line); border-radius: 10px; overflow: auto; max-height: 60vh; tab-size: 4; }
#explain form { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: 4px 8px; align-items: center; }
#explain input { width: auto; max-width: none; min-width: 0; }
#explain form small { grid-column: 2 / -1; }
#explain button { font: inherit; color: var(--text); background: var(--gateway); border: 1px solid var(--line); border-radius: 8px; padding: 5px 12px; cursor: pointer; }
#explain button:hover { border-color: var(--focus); }
#details h4 { margin: 10px 0 2px; font-size: 12.5px; font-weight: 600; overflow-wrap: anywhere; }
.steps ol { margin: 0; padding: 0 0 0 12px; border-left: 2px solid var(--line); list-style: none; }
.steps li { padding: 1px 0; overflow-wrap: anywhere; }
.steps .doubt, .steps .doubt b { color: var(--amber); }
#explain p { margin: 8px 0 0; overflow-wrap: anywhere; scroll-margin-bottom: 30px; }
#explain p:empty { display: none; }
#explain p.end { padding: 6px 10px; border-left: 3px solid var(--tunnel); background: var(--page); font-weight: 600; }
#explain p.unsure { border-color: var(--amber); }
footer { padding: 4px 20px 16px; color: var(--soft); font-size: 12.5px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 0; padding: 0; list-style: none; }
.legend li::before { content: ""; display: inline-block; width: 22px; margin-right: 7px; vertical-align: middle; border-top: 2px solid var(--route); }
.legend .tunnel::before { border-color: var(--tunnel); }
.legend .forward::before { border-color: var(--forward); border-top-style: dashed; }
.legend .broken::before { border-color: var(--red); }
button:focus-visible, input:focus-visible, pre:focus-visible { outline: 3px solid var(--focus); outline-offset: 1px; }
@media (min-width: 1000px) {
  main:has(#details:not([hidden])) { grid-template-columns: minmax(0, 1fr) 400px; }
  #problems { grid-column: 1 / -1; }
  #details { position: sticky; top: 16px; margin: 16px 20px 16px 0; max-height: calc(100vh - 32px); overflow: auto; }
}
@media (max-width: 600px) {
  header { padding: 10px 12px; }
  .search { margin-left: 0; }
  #problems { margin: 12px 12px 0; }
  #picture { padding: 12px; }
  #details { margin: 0 12px 12px; padding: 12px; }
  footer { padding: 4px 12px 16px; }
}
@media (forced-colors: active) {
  .cell:focus-visible .box { stroke: Highlight; }
}
@media (prefers-reduced-motion: reduce) {
  .cell { transition: none; }
}
`;
