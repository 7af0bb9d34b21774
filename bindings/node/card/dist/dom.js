export function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === 'function')
            element.addEventListener(name.slice(2), value);
        else if (value !== null && value !== undefined && value !== false) {
            element.setAttribute(name, value === true ? '' : String(value));
        }
    }
    append(element, children);
    return element;
}
function append(parent, children) {
    for (const child of children) {
        if (Array.isArray(child))
            append(parent, child);
        else if (child instanceof Node)
            parent.append(child);
        else if (child !== null && child !== undefined && child !== false)
            parent.append(String(child));
    }
}
export function fill(parent, ...children) {
    const root = parent.getRootNode();
    const focused = root instanceof ShadowRoot || root instanceof Document ? root.activeElement : null;
    const key = focused && parent.contains(focused) ? focused.getAttribute('data-key') : null;
    parent.replaceChildren();
    append(parent, children);
    if (key === null)
        return;
    const again = parent.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (again instanceof HTMLElement)
        again.focus({ preventScroll: true });
}
const SVG = 'http://www.w3.org/2000/svg';
export function icon(path) {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('class', 'icon');
    svg.setAttribute('aria-hidden', 'true');
    const line = document.createElementNS(SVG, 'path');
    line.setAttribute('d', path);
    svg.append(line);
    return svg;
}
let ids = 0;
export function fresh(name) {
    ids += 1;
    return `clio-${name}-${ids}`;
}
export function download(name, type, text) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    const link = h('a', { href: url, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
