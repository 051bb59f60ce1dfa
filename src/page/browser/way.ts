// The way of a packet: a form that asks the daemon for it, and the answer, namespace by namespace, with a sentence at its end.
// Not here: what else is shown of a container (details.ts).

import type { Problem, Way } from '../../control/answers.js';
import { html, setText } from './elements.js';

/** Longer than the daemon looks for one that others wait for, too. */
const PATIENCE_MS = 30_000;

/** @param container its name, or its id: what the daemon is asked about */
export function wayPart(container: string): HTMLElement {
  const input = html('input', {
    ...{ id: 'to', type: 'text', required: '', maxlength: 300, spellcheck: 'false' },
    ...{ autocomplete: 'off', autocapitalize: 'off', placeholder: '10.1.2.3:443/tcp' },
    'aria-describedby': 'to-form',
  });
  const button = html('button', { type: 'submit' }, 'Explain');
  const form = html(
    'form',
    {},
    html('label', { for: 'to' }, 'To'),
    input,
    button,
    html('small', { id: 'to-form' }, 'an address or a container, with :port and /tcp, /udp or /icmp'),
  );
  const steps = html('div', { class: 'steps' });
  const sentence = html('p', { role: 'status' });
  let isAsking = false;
  form.addEventListener('submit', event => {
    event.preventDefault();
    if (isAsking) return;
    isAsking = true;
    setText(sentence, 'looking…');
    sentence.className = '';
    void ask(container, input.value.trim()).then(answered => {
      isAsking = false;
      steps.replaceChildren(...('error' in answered ? [] : stepList(answered)));
      setText(sentence, 'error' in answered ? answered.error : answered.sentence);
      sentence.className = 'error' in answered ? 'problem' : `end ${answered.isSure ? '' : 'unsure'}`;
      sentence.scrollIntoView({ block: 'nearest' });
    });
  });
  return html('section', { id: 'explain' }, html('h3', {}, 'Way of a packet'), form, steps, sentence);
}

async function ask(container: string, to: string): Promise<Way | Problem> {
  const query = `v1/explain/${encodeURIComponent(container)}?to=${encodeURIComponent(to)}`;
  try {
    const response = await fetch(query, { signal: AbortSignal.timeout(PATIENCE_MS) });
    return (await response.json()) as Way | Problem;
  } catch {
    return { error: 'The daemon did not answer.' };
  }
}

/** A list for each namespace, in order: a way may come to one twice. */
function stepList({ steps }: Way): HTMLElement[] {
  const parts: HTMLElement[] = [];
  let at: string | undefined;
  let list: HTMLElement | undefined;
  for (const { container, text, isDoubt } of steps) {
    if (container !== at || !list) {
      list = html('ol', { 'aria-label': container });
      parts.push(html('h4', {}, container), list);
      at = container;
    }
    const sign = isDoubt ? [html('b', { 'aria-label': 'not sure:' }, '? ')] : [];
    list.append(html('li', isDoubt ? { class: 'doubt' } : {}, ...sign, text));
  }
  return parts;
}
