// Where Prometheus may scrape. Pure. Not here: the port itself (metrics-port.ts).

/** Where the metrics are served. */
export interface MetricsAddress {
  readonly host: string;
  readonly port: number;
}

/** As `--metrics` takes it: `127.0.0.1:9586`, `[::1]:9586`. */
export function formatMetricsAddress({ host, port }: MetricsAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
