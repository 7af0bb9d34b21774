const TEXT = `
:host {
  --ink: #1d2733; --soft: #52606d; --line: #d5dce4; --page: #ffffff; --raised: #f5f7fa;
  --accent: var(--clio-accent, #1f5fbf); --on-accent: #ffffff; --focus: #1f5fbf;
  --good: #17663a; --good-bg: #e3f4e9; --fair: #7a4a00; --fair-bg: #fdf0d5;
  --bad: #a1221d; --bad-bg: #fce8e6; --calm: #44525f; --calm-bg: #e9edf2;
  display: block; color: var(--ink); color-scheme: light dark;
  font: 400 0.9375rem/1.5 var(--clio-font, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif);
}
@media (prefers-color-scheme: dark) {
  :host {
    --ink: #e6eaef; --soft: #a9b4c0; --line: #36414d; --page: #151b22; --raised: #1d252e;
    --accent: var(--clio-accent-dark, #8ab4f8); --on-accent: #10161d; --focus: #8ab4f8;
    --good: #8fdcae; --good-bg: #14351f; --fair: #f3c66b; --fair-bg: #3a2b08;
    --bad: #f5a8a3; --bad-bg: #431a18; --calm: #b9c4cf; --calm-bg: #2a343f;
  }
}
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
h2, h3, h4, p, ul, ol, dl, dd, fieldset { margin: 0; padding: 0; border: 0; }
h2 { font-size: 1.25rem; line-height: 1.3; }
h3 { font-size: 1.125rem; line-height: 1.3; }
h4 { font-size: 0.9375rem; }
ul, ol { list-style: none; }
small, .hint { color: var(--soft); font-size: 0.8125rem; }
code { font: 0.8125em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, monospace; background: var(--calm-bg); color: var(--ink); border-radius: 4px; padding: 0.1em 0.35em; overflow-wrap: anywhere; }
a { color: var(--accent); }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.hidden { display: none; }
.icon { width: 1em; height: 1em; flex: none; fill: none; stroke: currentColor; stroke-width: 2.4; stroke-linecap: round; stroke-linejoin: round; }

.card { container: card / inline-size; background: var(--page); border: 1px solid var(--line); border-radius: 12px; overflow-wrap: anywhere; box-shadow: 0 1px 2px rgb(16 24 40 / 6%), 0 6px 20px rgb(16 24 40 / 5%); }
header { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 0.75rem; padding: 1.125rem 1.25rem; }
.mark { display: grid; place-items: center; width: 2.5rem; height: 2.5rem; border-radius: 10px; background: var(--calm-bg); color: var(--accent); }
.mark .icon { width: 1.4rem; height: 1.4rem; stroke-width: 1.8; }
.title { flex: 1 1 12rem; }
.live { display: inline-flex; align-items: center; gap: 0.4rem; color: var(--soft); font-size: 0.8125rem; }
.live:not(:empty)::before { content: ""; width: 0.5rem; height: 0.5rem; border-radius: 50%; background: var(--fair); }
.live.on::before { background: var(--good); }

.tabs { display: flex; flex-wrap: wrap; gap: 0 0.25rem; padding: 0 0.75rem; border-bottom: 1px solid var(--line); }
[role=tab] { border: 0; border-bottom: 3px solid transparent; border-radius: 0; background: none; color: var(--soft); padding: 0.6rem 0.55rem 0.5rem; min-height: 2.75rem; font-weight: 500; }
[role=tab]:hover { color: var(--ink); background: none; }
[role=tab][aria-selected=true] { color: var(--accent); border-bottom-color: var(--accent); }
.count { display: inline-block; min-width: 1.4em; margin-inline-start: 0.4em; padding: 0 0.4em; border-radius: 999px; background: var(--fair-bg); color: var(--fair); font-size: 0.75rem; text-align: center; }
.panels > div { padding: 1.25rem; }
.view { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); }
.lead { max-width: 68ch; color: var(--soft); }
.loading { padding: 2rem 0; text-align: center; color: var(--soft); }
.fine { display: grid; gap: 0.4rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.8125rem; max-width: 80ch; }

button, select, input, textarea { font: inherit; color: inherit; }
button { min-height: 2.5rem; padding: 0.4rem 0.9rem; border: 1px solid var(--line); border-radius: 8px; background: var(--page); font-weight: 550; cursor: pointer; }
button:hover { background: var(--raised); }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button.primary:hover { filter: brightness(1.08); }
button.danger { background: var(--bad); border-color: var(--bad); color: var(--page); }
button.danger.quiet { background: none; border-color: var(--line); color: var(--bad); }
button.quiet:not(.danger) { border-color: transparent; color: var(--accent); background: none; }
button.quiet:hover { background: var(--raised); }
button.small { min-height: 2rem; padding: 0.2rem 0.65rem; font-size: 0.8125rem; }
button[aria-disabled=true] { opacity: 0.55; cursor: progress; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 6px; }
select, input:not([type=checkbox], [type=radio]), textarea { width: 100%; min-height: 2.5rem; padding: 0.4rem 0.6rem; border: 1px solid var(--soft); border-radius: 8px; background: var(--page); }
input[type=checkbox], input[type=radio] { width: 1.15rem; height: 1.15rem; margin: 0.15rem 0 0; accent-color: var(--accent); flex: none; }
label { font-weight: 550; }
.field { display: grid; gap: 0.25rem; align-content: start; }
.field label { font-size: 0.8125rem; }
fieldset { display: grid; gap: 0.75rem; }
legend { padding: 0; font-weight: 600; margin-bottom: 0.25rem; }
.settings { display: grid; gap: 1.125rem; max-width: 44rem; }
.option { display: flex; gap: 0.7rem; align-items: flex-start; }
.option .hint { max-width: 60ch; }
.filters { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 0.75rem; align-items: end; }
.filters > button { justify-self: start; }
form { display: grid; gap: 0.75rem; }
.actions { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; }
.more { justify-content: center; }

.badge { display: inline-flex; align-items: center; gap: 0.35em; padding: 0.1rem 0.6rem; border-radius: 999px; font-size: 0.8125rem; font-weight: 600; white-space: nowrap; }
.badge.good, .note.good { background: var(--good-bg); color: var(--good); }
.badge.fair, .note.fair { background: var(--fair-bg); color: var(--fair); }
.badge.bad, .note.bad { background: var(--bad-bg); color: var(--bad); }
.badge.calm, .note.calm { background: var(--calm-bg); color: var(--calm); }
.warn { color: var(--fair); }
.note { display: flex; gap: 0.6rem; align-items: flex-start; padding: 0.7rem 0.9rem; border-radius: 8px; }
.note .icon { margin-top: 0.25em; }
.note p { flex: 1; }
.note code { background: none; color: inherit; padding: 0; opacity: 1; }
.failed:not(:empty), .said:not(:empty) { margin: 1rem 1.25rem 0; }
.said:not(:empty) { padding: 0.6rem 0.9rem; border-radius: 8px; background: var(--good-bg); color: var(--good); }
.said.calm { background: var(--calm-bg); color: var(--calm); }
.panel { display: grid; gap: 0.6rem; padding: 1rem; border: 1px solid var(--line); border-radius: 10px; background: var(--raised); grid-template-columns: minmax(0, 1fr); }
.panel.bad { border-inline-start: 4px solid var(--bad); }
.panel ul:not(.cards) { list-style: disc; padding-inline-start: 1.25rem; }
.cards { display: grid; gap: 0.75rem; }
.empty { display: grid; justify-items: center; gap: 0.35rem; padding: 2rem 1rem; border: 1px dashed var(--line); border-radius: 10px; color: var(--soft); text-align: center; }
.empty .icon { width: 2rem; height: 2rem; stroke-width: 1.4; }
.empty strong { color: var(--ink); }

.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); gap: 0.75rem 1.5rem; }
.facts dt { color: var(--soft); font-size: 0.8125rem; }
.line { display: flex; flex-wrap: wrap; gap: 0.35rem 0.6rem; align-items: center; }
.line .actions { margin-inline-start: auto; }
.log > li { display: grid; gap: 0.35rem; padding: 0.75rem 0; border-top: 1px solid var(--line); grid-template-columns: minmax(0, 1fr); }
.cause { font-size: 0.875rem; }
.more-of { display: grid; gap: 0.75rem; padding: 0.9rem; border-radius: 8px; background: var(--raised); }
.steps { display: grid; gap: 0.5rem; }
.rows { width: 100%; border-collapse: collapse; font-size: 0.875rem; }
.rows th, .rows td { padding: 0.5rem 0.6rem 0.5rem 0; border-top: 1px solid var(--line); text-align: start; vertical-align: top; font-weight: 400; }
.rows thead th { border-top: 0; color: var(--soft); font-size: 0.8125rem; }
.rows tbody th { font-weight: 550; }
.audit td:not(:last-child) { white-space: nowrap; }
.mapping { table-layout: fixed; }
.panel > [role=status]:empty { margin-top: -0.6rem; }
.pair { display: inline-block; margin-inline-end: 0.5rem; color: var(--soft); font-size: 0.8125rem; }
.choose { display: flex; gap: 0.5rem; }
progress { appearance: none; width: 100%; height: 0.7rem; border: 0; border-radius: 999px; overflow: hidden; background: var(--calm-bg); }
progress::-webkit-progress-bar { background: var(--calm-bg); }
progress::-webkit-progress-value { background: var(--accent); border-radius: 999px; }
progress::-moz-progress-bar { background: var(--accent); }

dialog { max-width: min(28rem, calc(100vw - 2rem)); border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem; background: var(--page); color: var(--ink); box-shadow: 0 12px 40px rgb(0 0 0 / 25%); }
dialog::backdrop { background: rgb(10 15 20 / 50%); }
dialog > div { display: grid; gap: 0.6rem; margin-top: 0.75rem; }
dialog > .actions { display: flex; justify-content: flex-end; margin-top: 1.25rem; }

.sync { display: grid; gap: 0.25rem; justify-items: start; font-size: 0.875rem; }
.sync .line { flex-wrap: nowrap; }
.sync button { white-space: nowrap; }

.look { color: var(--fair); font-size: 0.8125rem; display: grid; gap: 0.25rem; max-width: 40ch; }

@container card (max-width: 36rem) {
  header, .panels > div { padding: 1rem; }
  .tabs { padding: 0 0.5rem; }
  .rows thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .rows, .rows tbody, .rows tr, .rows th, .rows td { display: block; border: 0; padding: 0; }
  .rows tr { padding: 0.6rem 0; border-top: 1px solid var(--line); display: grid; gap: 0.25rem; }
  .rows td[data-label]::before { content: attr(data-label); display: block; color: var(--soft); font-size: 0.75rem; }
  .line .actions { margin-inline-start: 0; }
  .audit td:not(:last-child) { white-space: normal; }
}
@media (prefers-reduced-motion: no-preference) { button, [role=tab] { transition: background-color 0.12s, color 0.12s; } }
@media (forced-colors: active) { .badge, .note, .panel { border: 1px solid; } }
@media print {
  :host { --ink: #000; --soft: #333; --line: #999; --page: #fff; --raised: #fff; --good: #000; --fair: #000; --bad: #000; --calm: #000; --good-bg: #fff; --fair-bg: #fff; --bad-bg: #fff; --calm-bg: #fff; color-scheme: light; font-size: 10pt; }
  .card { border: 0; box-shadow: none; }
  .tabs, .filters, .actions, .live, .failed, .said, .fine { display: none !important; }
  .more-of[hidden] { display: grid !important; padding: 0.25rem 0 0; }
  .log > li, .rows tr, .panel { break-inside: avoid; }
}
`;
let made;
export function sheet() {
    if (!made) {
        made = new CSSStyleSheet();
        made.replaceSync(TEXT);
    }
    return made;
}
