// Asks before something that cannot be taken back, and says what it does.
import { h, fresh, type Child } from './dom.js';

export interface Question {
  title: string;
  text: readonly Child[];
  /** What the button says that does it. */
  action: string;
  /** What the other says; the same for both would leave no choice. */
  keep?: string;
}

/** Whether the person said yes. Escape and closing are a no, and so is `until`. */
export function ask(within: ParentNode & Node, question: Question, until: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const [title, text] = [fresh('title'), fresh('text')];
    const keep = h('button', { type: 'button', class: 'quiet', onclick: () => dialog.close() }, question.keep ?? 'Keep it');
    const act = h('button', { type: 'button', class: 'danger', onclick: () => dialog.close('yes') }, question.action);
    const dialog = h(
      'dialog',
      { 'aria-labelledby': title, 'aria-describedby': text },
      h('h3', { id: title }, question.title),
      h('div', { id: text }, question.text.map((line) => h('p', {}, line))),
      h('div', { class: 'actions' }, keep, act),
    );
    const end = (): void => dialog.close();
    until.addEventListener('abort', end);
    dialog.addEventListener('close', () => {
      until.removeEventListener('abort', end);
      resolve(dialog.returnValue === 'yes');
      dialog.remove();
    });
    within.append(dialog);
    dialog.showModal();
    // Enter by mistake changes nothing.
    keep.focus();
  });
}
