// The flags of `dwgd plan`. Types only. Not here: their meaning in words (cli/plan-command.ts).

import type { Prefix } from '../../base/ip.js';

export interface PlanFlags {
  readonly file: readonly string[];
  readonly projectName?: string;
  readonly profile: readonly string[];
  readonly allowHostRoutes: readonly Prefix[];
  readonly strict?: true;
  readonly json?: true;
  readonly dockerHost?: string;
  readonly trustImageLabels?: true;
}
