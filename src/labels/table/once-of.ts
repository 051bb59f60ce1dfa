// What is computed of an object once, as long as the object lives. Pure. Not here: what is computed.

/** The function with its results kept by its argument, which must not change. */
export function onceOf<K extends object, V>(compute: (of: K) => V): (of: K) => V {
  const known = new WeakMap<K, { readonly value: V }>();
  return of => {
    const before = known.get(of);
    if (before) return before.value;
    const value = compute(of);
    known.set(of, { value });
    return value;
  };
}
