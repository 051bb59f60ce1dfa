// Fetches the page of a daemon and all that it names, and what that names, as a browser would: a line each, with its size.
// The status is 1 where one is missing, is empty, or is of another type than its name says.
//   node dist/test/package/page-files.js http://127.0.0.1:9586/
const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
};
/** What a document, a script or a style names. */
const NAMED: Readonly<Record<string, RegExp>> = {
  'text/html': /\b(?:src|href)="([^"]+)"/g,
  'text/javascript': /\b(?:from|import)\s*\(?['"]([^'"\s]+)['"]/g,
  'text/css': /\burl\(['"]?([^'")]+)['"]?\)/g,
};

const page = new URL(process.argv[2]!);
const waiting = [page];
const seen = new Set([page.href]);
const faults: string[] = [];
for (const url of waiting) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  const text = await answer.text();
  const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
  process.stdout.write(`${answer.status} ${type} ${text.length} ${url.pathname}\n`);
  const expected = TYPES[/\.(\w+)$/.exec(url.pathname)?.[1] ?? ''] ?? 'text/html';
  if (answer.status !== 200 || type !== expected || text.trim() === '') faults.push(url.href);
  for (const [, name] of answer.ok ? text.matchAll(NAMED[type] ?? /(?!)/g) : []) {
    // A package's bare name is nothing that a browser finds.
    const isAddress = /^(\.{0,2}\/|https?:)/.test(name!) || type !== 'text/javascript';
    const next = isAddress ? new URL(name!, url) : undefined;
    if (next?.origin !== page.origin) faults.push(`${url.href}: ${name}`);
    else if (!seen.has(next.href)) {
      seen.add(next.href);
      waiting.push(next);
    }
  }
}
for (const fault of faults) process.stderr.write(`missing: ${fault}\n`);
process.exitCode = faults.length > 0 || waiting.length < 3 ? 1 : 0;
