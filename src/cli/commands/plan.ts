// `dwgd plan`: what labels would do, of a compose file or of a running container, without doing it. Each loads as much as it
// needs. Not here: either of them (plan-project.ts, plan-container.ts), the command line (cli/plan-command.ts).

import { statSync } from 'node:fs';
import type { PlanFlags } from './plan-flags.js';

/** @param subject a compose file, its folder, or the name of a container. @throws UserError */
export async function runPlan(subject: string | undefined, flags: PlanFlags): Promise<void> {
  if (subject !== undefined && flags.file.length === 0 && !isComposePath(subject)) {
    const { planContainer } = await import('./plan-container.js');
    await planContainer(subject, flags);
    return;
  }
  const { planProject } = await import('./plan-project.js');
  planProject([...(subject === undefined ? [] : [subject]), ...flags.file], flags);
}

/** Whether a word on the command line means a compose file, or the folder of one. */
function isComposePath(word: string): boolean {
  return (
    /\.ya?ml$/i.test(word) ||
    word.includes('/') ||
    word === '.' ||
    statSync(word, { throwIfNoEntry: false }) !== undefined
  );
}
