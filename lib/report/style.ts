/** How the page looks: light or dark as the reader's system is, one column on a phone. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --faint: #59636e; --grid: #d9dee4; --card: #ffffff; --back: #f3f5f7; --mark: #fff4d6; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --faint: #9aa4af; --grid: #343b43; --card: #171b20; --back: #0d1014; --mark: #3a3112; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "Noto Sans CJK SC", sans-serif; }
header, main, footer { max-width: 1500px; margin: 0 auto; padding: 0 16px; }
h1 { font-size: 24px; margin: 20px 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 28px 0 10px; }
h3 { font-size: 15px; margin: 0; }
p { margin: 0 0 8px; }
small, .help, caption { color: var(--faint); font-size: 13px; }
form { position: sticky; top: 0; z-index: 5; display: flex; flex-wrap: wrap; gap: 6px 18px; align-items: center;
  padding: 8px 0; background: var(--back); border-bottom: 1px solid var(--grid); }
label { display: inline-flex; gap: 6px; align-items: center; min-height: 32px; }
input[type="range"] { width: 110px; }
select { font: inherit; }
.panels { display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 360px), 1fr)); margin-top: 14px; }
figure { margin: 0; padding: 12px 10px 4px; background: var(--card); border: 1px solid var(--grid); border-radius: 8px; min-width: 0; }
figcaption { padding: 0 6px; }
.plot { height: 250px; }
.keys { font-size: 13px; display: flex; flex-wrap: wrap; gap: 2px 14px; }
.key::before { content: ""; display: inline-block; width: 18px; margin-right: 6px; vertical-align: middle; border-top: 2px var(--dash, solid) var(--line, var(--faint)); }
.point::before { width: 8px; height: 8px; border-radius: 50%; border: 1px solid var(--faint); background: var(--line, transparent); }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--grid); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
caption { text-align: left; padding: 6px 12px; }
th, td { text-align: left; padding: 4px 12px; border-top: 1px solid var(--grid); vertical-align: top; }
tr:first-child > * { border-top: 0; }
tbody th { font-weight: 500; width: 1%; min-width: 11em; }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
tr.differs { background: var(--mark); }
details { margin: 10px 0; }
summary { cursor: pointer; padding: 6px 0; }
pre { margin: 0; padding: 10px 12px; font-size: 13px; white-space: pre-wrap; overflow-wrap: anywhere; }
footer { padding: 24px 16px 40px; }
`;
