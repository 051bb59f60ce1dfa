// Compose files as people write them: what is read of each form, and each mistake with its place.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of compose files
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDotEnv } from '../../../src/compose/dot-env.js';
import { interpolate } from '../../../src/compose/interpolate.js';
import { loadFiles } from '../../../src/compose/load.js';
import { normalizeName } from '../../../src/compose/project.js';
import { formatPlace } from '../../../src/compose/yaml-tree.js';
import { preview } from '../../support/planned.js';

const APP = 'twine.iptables.rule.a: TWINE_INPUT -j DROP';
const variables = new Map([
  ['SET', 'x'],
  ['EMPTY', ''],
]);

for (const [text, expected] of [
  ['no variable', 'no variable'],
  ['$SET-${SET}', 'x-x'],
  ['$$SET', '$SET'],
  ['${EMPTY}${MISSING}', ''],
  ['${EMPTY:-a}${EMPTY-b}', 'a'],
  ['${MISSING:-a}${MISSING-b}', 'ab'],
  ['${MISSING:-${SET:-y}}', 'x'],
  ['${SET:+a}${EMPTY:+b}${EMPTY+c}${MISSING+d}', 'ac'],
  ['${SET:?no}', 'x'],
] as const) {
  test(`${text} becomes ${expected}`, () =>
    assert.equal(
      interpolate(text, name => variables.get(name)),
      expected,
    ));
}

for (const [text, message] of [
  ['${EMPTY:?give one}', /^the variable EMPTY is not set: "give one"$/],
  ['${MISSING?}', /^the variable MISSING is not set$/],
  ['${OPEN', /has no closing }: write \$\$ for a dollar$/],
  ['100$', /is no variable: write \$\$ for a dollar$/],
  ['${1}', /is no variable/],
] as const) {
  test(`${text} is refused`, () =>
    assert.throws(() => interpolate(text, name => variables.get(name)), { message }));
}

test('a .env file has names, quotes, comments and variables', () => {
  const text = [
    '# comment',
    'A=1 # one',
    'export B="two words\\n"',
    "C='$A'",
    'D=${A}${SET}',
    'no line',
    'SET=later',
    'E=#',
  ].join('\n');
  assert.deepEqual(Object.fromEntries(parseDotEnv(text, variables)), {
    A: '1',
    B: 'two words\n',
    C: '$A',
    D: '1x',
    SET: 'later',
    E: '',
  });
});

test('a .env file whose values multiply is refused', () => {
  const lines = Array.from(
    { length: 30 },
    (_, n) => `V${n + 1}=\${V${Math.min(n, 16)}}\${V${Math.min(n, 16)}}`,
  );
  assert.throws(() => parseDotEnv(['V0=xxxxxxxx', ...lines].join('\n'), new Map()), {
    message: 'the values of .env are longer than 4 MiB in all',
  });
});

test('a file whose variables make more than 16 Mi characters is refused', () => {
  const labels = Array.from({ length: 20 }, (_, n) => `      l${n}: $LONG`);
  const text = ['services:', '  a:', '    image: x', '    labels:', ...labels].join('\n');
  assert.throws(
    () =>
      loadFiles(['/c.yml'], new Map([['LONG', 'x'.repeat(1 << 20)]]), path =>
        path === '/c.yml' ? text : undefined,
      ),
    {
      message: /16 Mi characters in all/,
    },
  );
});

for (const [folder, name] of [
  ['Media Stack', 'mediastack'],
  ['_.x-1', 'x-1'],
] as const) {
  test(`the folder ${folder} is the project ${name}`, () => assert.equal(normalizeName(folder), name));
}

/** What of the routes, tables and names of a file is planned, as text. */
const planned = (...given: Parameters<typeof preview>): string =>
  preview(...given)
    .sandboxes.map(
      ({ containers, table, routes }) => `${containers.join('+')} ${table ? 'table' : '-'} ${routes.length}`,
    )
    .join(', ');

for (const [form, files, expected, options] of [
  ['labels as a mapping', { 'c.yml': `services: { a: { labels: { ${APP} } } }` }, 'test-a-1 table 0'],
  [
    'labels as a list',
    { 'c.yml': "services: { a: { labels: ['twine.nat.interfaces=wg+'] } }" },
    'test-a-1 table 0',
  ],
  [
    'anchors and merge keys, of which one alone counts',
    {
      'c.yml': `x-l: &l { ${APP} }\nx-m: &m { twine.strict: false }\nservices:\n  a: { labels: { <<: [*l, *m] } }\n`,
    },
    'test-a-1 table 0',
  ],
  [
    'a container with a name, and several of one service',
    {
      'c.yml': `services:\n  a: { container_name: own, labels: { ${APP} } }\n  b: { scale: 2, labels: { ${APP} } }\n`,
    },
    'own table 0, test-b-1 table 0, test-b-2 table 0',
  ],
  [
    'a service that extends one of another file, which extends one beside it',
    {
      'c.yml': 'services: { a: { extends: { file: base/b.yml, service: b } } }',
      'base/b.yml': `services:\n  b: { extends: c, image: x }\n  c: { labels: { ${APP} } }\n`,
    },
    'test-a-1 table 0',
  ],
  [
    'a file that is included, with a .env of its own',
    {
      'c.yml': 'include: [sub/d.yml]\nservices: { a: { image: x } }',
      'sub/d.yml': "services: { d: { labels: { twine.iptables.rule.a: '${RULE}' } } }",
      'sub/.env': 'RULE=TWINE_INPUT -j DROP',
    },
    'test-d-1 table 0',
  ],
  [
    'several files, of which a later one adds labels and takes others away',
    {
      'c.yml': `services: { a: { labels: [twine.nat.interfaces=wg+] }, b: { labels: { ${APP} } } }`,
      'o.yml': `services: { a: { labels: { twine.strict: 'true' } }, b: { labels: !reset null } }`,
    },
    'test-a-1 table 0',
    { paths: ['c.yml', 'o.yml'] },
  ],
  [
    'services of profiles that are asked for',
    {
      'c.yml': `services:\n  a: { profiles: [x], labels: { ${APP} } }\n  b: { profiles: [y], labels: { ${APP} } }\n`,
    },
    'test-b-1 table 0',
    { profiles: ['y'] },
  ],
  [
    "another service's network",
    { 'c.yml': `services:\n  a: { image: x }\n  b: { network_mode: 'service:a', labels: { ${APP} } }\n` },
    'test-a-1+test-b-1 table 0',
  ],
  [
    'a link, an alias, a hostname and a name of a container, all of which are gateways',
    {
      'c.yml': `services:
  a:
    links: ['b:gate']
    labels: { twine.route.10.1.0.0/16: gate, twine.route.10.2.0.0/16: alias, twine.route.10.3.0.0/16: host, twine.route.10.4.0.0/16: own }
  b: { container_name: own, hostname: host, networks: { default: { aliases: [alias] } } }
`,
    },
    'test-a-1 table 8',
  ],
] as readonly (readonly [string, Record<string, string>, string, Parameters<typeof preview>[1]?])[]) {
  test(`${form}: ${expected}`, () => {
    assert.deepEqual(preview(files, options).mistakes, []);
    assert.equal(planned(files, options), expected);
  });
}

test('addresses that a file gives are taken, and others are made up and have names', () => {
  const { hostRoutes, world, names } = preview({
    'c.yml': `services:
  a: { networks: { n: { ipv4_address: 10.9.0.7 } }, labels: { twine.host.routes: 10.20.0.0/16 } }
  b: { networks: [n, m] }
networks: { n: { ipam: { config: [{ subnet: 10.9.0.0/24, gateway: 10.9.0.254 }] } }, m: { name: other, internal: true } }
`,
  });
  assert.deepEqual(hostRoutes[0]!.gateway?.bytes.join('.'), '10.9.0.7');
  const [n, m] = world.containers[1]!.attachments;
  assert.deepEqual(
    [n?.networkName, n?.gateways?.length, m?.networkName, m?.gateways],
    ['test_n', 1, 'other', undefined],
  );
  assert.ok(
    [...names.values()].includes('<test-b-1 on test_n>') &&
      [...names.values()].includes('<test-b-1 on other>'),
  );
});

for (const [what, text, expected] of [
  [
    'an unknown label',
    'services:\n  a:\n    labels:\n      twine.nat.interface: wg+\n',
    /^c\.yml:4:7 twine\.nat\.interface: unknown label: did you mean/,
  ],
  [
    'a label of a list',
    'services:\n  a:\n    labels:\n      - other=1\n      - twine.host.routes=x\n',
    /^c\.yml:5:9 twine\.host\.routes: /,
  ],
  [
    'a name that nobody has',
    'services:\n  vpn: { image: x }\n  a:\n    labels: { twine.route.0.0.0.0/0: vnp }\n',
    /^c\.yml:4:15 twine\.route\.0\.0\.0\.0\/0: vnp is no container on a network of this one, and no host that the resolver knows/,
  ],
  [
    'a file of labels',
    'services:\n  a:\n    label_file: ./a.labels\n',
    /^c\.yml:3:5 label_file: its labels are not in this plan/,
  ],
  [
    'labels below deploy',
    'services:\n  a:\n    deploy:\n      labels:\n        twine.strict: true\n',
    /^c\.yml:5:9 twine\.strict: below deploy/,
  ],
  [
    "labels in the host's network",
    'services:\n  a:\n    network_mode: host\n    labels: { twine.nat.interfaces: wg+ }\n',
    /^c\.yml:4:15 twine\.nat\.interfaces: /,
  ],
] as const) {
  test(`${what} is a mistake at its place`, () => {
    const { mistakes } = preview({ 'c.yml': text });
    assert.match(
      mistakes.map(({ place, key, message }) => `${formatPlace(place)} ${key}: ${message}`).join('\n'),
      expected,
    );
    assert.equal(mistakes.length, 1);
  });
}

test('a strict container with a mistake is closed, and its warning is no mistake of its own label', () => {
  const { sandboxes, mistakes } = preview(
    { 'c.yml': 'services: { a: { labels: { twine.route.10.0.0.0/8: nobody } } }' },
    { strict: true },
  );
  assert.equal(sandboxes[0]!.isClosed, true);
  assert.deepEqual(
    mistakes.map(({ key }) => key),
    ['twine.strict', 'twine.route.10.0.0.0/8'],
  );
});

test('what is not of the file is said, and is no mistake', () => {
  const { mistakes, notes } = preview({
    'c.yml': `services:
  a: { labels: { twine.route.10.0.0.0/8: gate.example.org } }
  b: { network_mode: 'container:elsewhere', labels: { twine.route.10.0.0.0/8: gw } }
  c: { networks: [theirs], labels: { twine.route.10.0.0.0/8: their-gateway } }
  d: { profiles: [x] }
networks: { theirs: { external: true } }
`,
  });
  assert.deepEqual(mistakes, []);
  assert.deepEqual(
    notes.map(note => note.split(' ')[0]),
    ['gate.example.org', 'gw', 'their-gateway', 'test-b-1', 'd'],
  );
});

test('what is nested as deep as may be is read, in lines, dashes, brackets and all of them', () => {
  const lines = (count: number): string =>
    Array.from({ length: count }, (_, n) => `${' '.repeat(n)}a:\n`).join('');
  for (const deep of [
    `x:\n ${'- '.repeat(62)}a`,
    `x: ${'['.repeat(63)}${']'.repeat(63)}`,
    `x:\n${lines(63).replace(/^/gm, ' ')}`,
    `x:\n  - |\n   ${'['.repeat(99)}\n  # ${'- '.repeat(99)}\n  - "${'{'.repeat(99)}"\n  - a${'\n   - b'.repeat(99)}`,
    `x:\n  ${'- '.repeat(30)}\n   ${' '.repeat(60)}${'['.repeat(30)}${']'.repeat(30)}\ny:\n${'- [1]\n'.repeat(99)}`,
  ])
    assert.equal(preview({ 'c.yml': `services: {}\n${deep}` }).mistakes.length, 0, deep.slice(0, 60));
});

const bomb = [
  'a: &a [x]',
  ...Array.from({ length: 20 }, (_, n) => `b${n}: &b${n} [${`*${n === 0 ? 'a' : `b${n - 1}`},`.repeat(9)}]`),
].join('\n');
for (const [what, files, message] of [
  ['what is no YAML', { 'c.yml': 'services:\n  a: [\n' }, /^c\.yml:\d+:\d+: /],
  ['a key that is there twice', { 'c.yml': 'services:\n  a: {}\n  a: {}\n' }, /^c\.yml:3:3: /],
  [
    'aliases that multiply',
    { 'c.yml': bomb },
    /^c\.yml:\d+:\d+: more than 100000 values, aliases followed: give fewer$/,
  ],
  [
    'an anchor in itself',
    { 'c.yml': 'services: &a\n  b: *a\n' },
    /^c\.yml:\d+:\d+: nested more than 64 deep$/,
  ],
  ['very deep brackets', { 'c.yml': '['.repeat(100_000) }, /^c\.yml:1:67: nested more than 64 deep$/],
  [
    'very deep brackets and braces of several lines, which are closed, beside brackets that are text',
    { 'c.yml': `x: "[["\ny: |\n  [\nz:\n  ${'[{a: '.repeat(40)}${'}]'.repeat(40)}` },
    /^c\.yml:5:\d+: nested more than 64 deep$/,
  ],
  ...['- ', '? ', '- ? '].map(
    each =>
      [
        `a line of ever so many ${JSON.stringify(each)}`,
        { 'c.yml': `services: {}\nx:\n  ${each.repeat(100_000)}` },
        /^c\.yml:3:\d+: nested more than 64 deep$/,
      ] as const,
  ),
  [
    'lines that lie ever deeper',
    { 'c.yml': Array.from({ length: 1_000 }, (_, n) => `${' '.repeat(n)}a:\n`).join('') },
    /^c\.yml:67:67: nested more than 64 deep$/,
  ],
  ['an alias of nothing', { 'c.yml': 'services: { a: *none }' }, /^c\.yml:1:16: /],
  ['services that are a list', { 'c.yml': 'services: [a]' }, /^c\.yml:1:11: services is no mapping$/],
  [
    'a network that there is not',
    { 'c.yml': 'services: { a: { networks: [n] } }' },
    /^c\.yml:1:29: there is no network "n" below networks:$/,
  ],
  [
    'a file that extends itself',
    { 'c.yml': 'services: { a: { extends: b }, b: { extends: a } }' },
    /extends itself in the end$/,
  ],
  [
    'a file that includes itself',
    { 'c.yml': 'include: [c.yml]\nservices: {}' },
    /^c\.yml:1:11: "c\.yml" includes itself in the end$/,
  ],
  ['a file that there is not', { 'c.yml': 'include: [d.yml]' }, /^there is no file "d\.yml"$/],
  [
    'a variable that has to be set',
    { 'c.yml': 'services: { a: { image: "${X:?}" } }' },
    /^c\.yml:1:25: the variable X is not set$/,
  ],
  [
    'an address on no subnet',
    { 'c.yml': 'services: { a: { networks: { default: { ipv4_address: 10.0.0.1 } } } }' },
    /^c\.yml:1:30: 10\.0\.0\.1 is on no subnet of default$/,
  ],
  [
    'the network of a service that there is not',
    { 'c.yml': "services: { a: { network_mode: 'service:b' } }" },
    /^c\.yml:1:32: there is no service "b"/,
  ],
  [
    'services that use the network of each other',
    { 'c.yml': "services: { a: { network_mode: 'service:b' }, b: { network_mode: 'service:a' } }" },
    /uses its own network in the end$/,
  ],
  [
    'very many containers',
    { 'c.yml': 'services: { a: { scale: 1000000 } }' },
    /^c\.yml:1:25: "1000000" is no number of containers up to 256$/,
  ],
  [
    'very many containers of several services',
    { 'c.yml': `services: {${'abcde'.replace(/./g, '$&: { scale: 250 },')}}` },
    /: more than 1000 containers belong together$/,
  ],
  [
    'a key that is there twice',
    { 'c.yml': 'services: { a: {}, a: {} }' },
    /^c\.yml:1:20: "a" is there twice$/,
  ],
  [
    'a project of more values than one file may have',
    {
      'c.yml': 'include: [d.yml, e.yml]\nservices: {}',
      'd.yml': `x: &x [${'1,'.repeat(990)}]\ny: [${'*x,'.repeat(99)}]`,
      'e.yml': `x: [${'1,'.repeat(2_000)}]`,
    },
    /^e\.yml:1:\d+: more than 100000 values, aliases followed: give fewer$/,
  ],
  [
    'a project that extends ever so many services',
    {
      'c.yml': `services: { ${Array.from({ length: 2001 }, (_, n) => `s${n}: { extends: b }`).join(', ')}, b: {} }`,
    },
    /: more than 2000 services are extended$/,
  ],
  [
    'ever so many files of variables',
    {
      'c.yml': `include: [{ path: d.yml, env_file: [${Array.from({ length: 201 }, (_, n) => `v${n}`).join(', ')}] }]\nservices: {}`,
    },
    /^more than 200 files belong together/,
  ],
  [
    'a name that a terminal would obey',
    { 'c.yml': 'services: { "a\\e[31m": [1] }' },
    /^c\.yml:1:\d+: the service a \[31m is no mapping$/,
  ],
] as readonly (readonly [string, Record<string, string>, RegExp])[]) {
  test(`${what} is refused in a sentence`, () =>
    assert.throws(() => preview(files), { name: 'UserError', message }));
}

test('of as many containers as one network takes each has an address, and of many networks one', () => {
  const crowd = Array.from({ length: 997 }, (_, n) => `s${n}: {}`).join(', ');
  const pair = "app: { labels: ['twine.route.10.0.0.0/8=gw'] }, gw: { labels: ['twine.nat.interfaces=wg+'] }";
  assert.deepEqual(preview({ 'c.yml': `services: { ${crowd}, ${pair} }` }).mistakes, []);
  const nets = Array.from({ length: 300 }, (_, n) => `n${n}`);
  const on = `networks: [${nets.join(', ')}]`;
  const spread = pair.replaceAll('{ labels', `{ ${on}, labels`);
  const networks = nets.map(name => `${name}: {}`).join(', ');
  assert.deepEqual(preview({ 'c.yml': `services: { ${spread} }\nnetworks: { ${networks} }` }).mistakes, []);
});
