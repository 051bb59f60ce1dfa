// Every metric: its name, what it is and which labels it has. Pure. Not here: its values (metrics.ts, and the halves).

interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
}

const PEER = ['network', 'container', 'interface', 'public_key'] as const;

export const METRICS = [
  {
    name: 'wireguard_peer_receive_bytes_total',
    type: 'counter',
    help: 'Bytes received from the peer, as its interface counts them.',
    labels: PEER,
  },
  {
    name: 'wireguard_peer_transmit_bytes_total',
    type: 'counter',
    help: 'Bytes sent to the peer, as its interface counts them.',
    labels: PEER,
  },
  {
    name: 'wireguard_peer_last_handshake_seconds',
    type: 'gauge',
    help: 'Time of the last handshake with the peer, in seconds since 1970; 0 is never.',
    labels: PEER,
  },
  {
    name: 'dwgd_info',
    type: 'gauge',
    help: 'Always 1; the version of the daemon is its label.',
    labels: ['version'],
  },
  {
    name: 'dwgd_half_healthy',
    type: 'gauge',
    help: 'Whether a half of the daemon works: driver, labels; absent where it was switched off.',
    labels: ['half'],
  },
  {
    name: 'dwgd_exit_file_in_force',
    type: 'gauge',
    help: 'Whether a file of an exit network is the one that its containers go out by.',
    labels: ['network', 'file'],
  },
  {
    name: 'dwgd_exit_assigned_port',
    type: 'gauge',
    help: 'The port that the provider of an exit network has assigned to it; 0 is none now; absent where none is asked for.',
    labels: ['network'],
  },
  { name: 'dwgd_networks', type: 'gauge', help: 'Networks of the driver.', labels: [] },
  {
    name: 'dwgd_endpoints',
    type: 'gauge',
    help: 'Endpoints of containers on networks of the driver.',
    labels: ['state'],
  },
  {
    name: 'dwgd_calls_total',
    type: 'counter',
    help: "Docker's calls that were answered.",
    labels: ['method', 'status'],
  },
  {
    name: 'dwgd_call_seconds_total',
    type: 'counter',
    help: "Time that Docker's calls took until they were answered.",
    labels: ['method'],
  },
  {
    name: 'dwgd_labels',
    type: 'gauge',
    help: 'Labels of running containers: in_force, not_in_force.',
    labels: ['state'],
  },
  {
    name: 'dwgd_label_not_in_force_since_seconds',
    type: 'gauge',
    help: 'Since when a label is not in force, in seconds since 1970; of 256 labels at most.',
    labels: ['container', 'label'],
  },
  {
    name: 'dwgd_labelled_containers',
    type: 'gauge',
    help: 'Containers with labels: applied, pending, failing, frozen, stopped.',
    labels: ['state'],
  },
  {
    name: 'dwgd_closed_containers',
    type: 'gauge',
    help: 'Containers that twine.strict has closed.',
    labels: [],
  },
  {
    name: 'dwgd_heard_namespaces',
    type: 'gauge',
    help: 'Network namespaces with labels in which changes by others are heard.',
    labels: [],
  },
  {
    name: 'dwgd_unheard_namespaces',
    type: 'gauge',
    help: 'Those in which they are not, and that are read every half minute: muted (they change without end), other.',
    labels: ['why'],
  },
  { name: 'dwgd_passes_total', type: 'counter', help: 'Passes over all labels.', labels: ['result'] },
  {
    name: 'dwgd_pass_seconds_total',
    type: 'counter',
    help: 'Time that passes over all labels took, with the time that Docker took to list containers.',
    labels: [],
  },
  {
    name: 'dwgd_apply_total',
    type: 'counter',
    help: 'Network namespaces that were compared with their labels, and changed where they differed.',
    labels: ['result'],
  },
  {
    name: 'dwgd_event_loop_delay_seconds',
    type: 'gauge',
    help: 'How late the event loop was since the last scrape; from the second scrape on.',
    labels: ['quantile'],
  },
  {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'Processor time of the daemon, in user and system mode.',
    labels: [],
  },
  {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Memory of the daemon that is resident.',
    labels: [],
  },
  {
    name: 'process_start_time_seconds',
    type: 'gauge',
    help: 'When the daemon started, in seconds since 1970.',
    labels: [],
  },
] as const satisfies readonly Metric[];

export type MetricName = (typeof METRICS)[number]['name'];
