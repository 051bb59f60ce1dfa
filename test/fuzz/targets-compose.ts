// Readers of the files that `dwgd plan` is given, from the text to the plan.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of compose files
import { UserError } from '../../src/base/errors.js';
import { parseDotEnv } from '../../src/compose/dot-env.js';
import { loadFiles } from '../../src/compose/load.js';
import { previewProject } from '../../src/compose/preview.js';
import { readProject } from '../../src/compose/project.js';
import { ofText, type Target } from './target.js';

const FILE = '/project/compose.yml';
const VARIABLES = new Map([
  ['SET', 'x'],
  ['EMPTY', ''],
]);
const WORDS = [
  ...[
    'services:\n',
    'networks:\n',
    '  web:\n',
    '    labels:\n',
    '    networks: [main]\n',
    '    extends: web\n',
  ],
  ...[
    'include: [compose.yml]\n',
    '    scale: 2\n',
    '    network_mode: service:web\n',
    '    links: [web:db]\n',
  ],
  ...[
    '      twine.route.0.0.0.0/0: vpn\n',
    '      twine.nat.forward.80: web:80\n',
    '      twine.strict: "true"\n',
  ],
  ...[
    '    ipam: { config: [{ subnet: 10.9.0.0/24 }] }\n',
    '      main: { ipv4_address: 10.9.0.2, aliases: [a] }\n',
  ],
  ...[
    '&a ',
    '*a',
    '<<: *a\n',
    '!reset ',
    '!override ',
    '|\n',
    '? ',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '\n---\n',
    '%YAML 1.2\n',
  ],
  ...[
    '$SET',
    '${SET:-',
    '${EMPTY?',
    '$$',
    '}',
    'x-a: ',
    'profiles: [a]\n',
    'internal: true\n',
    'external: true\n',
  ],
] as const;

function plan(text: string): void {
  const { tree } = loadFiles([FILE], VARIABLES, path => (path === FILE ? text : undefined));
  previewProject(readProject(tree, 'project', []), { allowHostRoutes: [], strict: false });
}

export const COMPOSE_TARGETS: readonly Target[] = [
  ofText('compose-file', plan, { throws: [UserError], words: WORDS, max: 4096 }),
  ofText('dot-env', text => parseDotEnv(text, VARIABLES), {
    throws: [UserError],
    words: ['A=', 'export ', '"', "'", '${A', '#', '\n', '$A'],
  }),
];
