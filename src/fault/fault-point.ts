// The moments between the steps of the daemon's work at which tests have it die. Nothing happens there unless a test has put a
// function in place before the program was loaded, which no flag, variable or file of the program's own can do. Not here: what
// a test does there.

/** Is told which point is passed. */
type FaultPoint = (name: string) => void;

const HOOK = Symbol.for('dwgd.fault-point');

/** Passes a point, by a literal that is named nowhere else: tests find it in the source. */
export const faultPoint: FaultPoint =
  (globalThis as { readonly [HOOK]?: FaultPoint })[HOOK] ?? (() => undefined);
