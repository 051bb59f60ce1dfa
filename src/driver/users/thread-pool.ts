// libuv's threads, on which names are looked up and files read: who may hold how many of them stands where that is done
// (user-operations.ts, driver/tunnel/endpoint-resolver.ts).

/** Where the environment (the unit) does not say. */
const LIBUV_THREADS = 4;

/** @param given UV_THREADPOOL_SIZE */
export function poolThreads(given: string | undefined): number {
  const count = Number(given ?? LIBUV_THREADS);
  return Number.isInteger(count) && count > 0 ? count : LIBUV_THREADS;
}
