import { h, fresh } from './dom.js';
export function ask(within, question, until) {
    return new Promise((resolve) => {
        const [title, text] = [fresh('title'), fresh('text')];
        const keep = h('button', { type: 'button', class: 'quiet', onclick: () => dialog.close() }, question.keep ?? 'Keep it');
        const act = h('button', { type: 'button', class: 'danger', onclick: () => dialog.close('yes') }, question.action);
        const dialog = h('dialog', { 'aria-labelledby': title, 'aria-describedby': text }, h('h3', { id: title }, question.title), h('div', { id: text }, question.text.map((line) => h('p', {}, line))), h('div', { class: 'actions' }, keep, act));
        const end = () => dialog.close();
        until.addEventListener('abort', end);
        dialog.addEventListener('close', () => {
            until.removeEventListener('abort', end);
            resolve(dialog.returnValue === 'yes');
            dialog.remove();
        });
        within.append(dialog);
        dialog.showModal();
        keep.focus();
    });
}
