// Right rules with NFQUEUE, which are not among the fragments because not every kernel takes them. Not here: the test
// (queue.test.ts).

export const QUEUES = [
  '-j NFQUEUE',
  '-j NFQUEUE --queue-num 5 --queue-bypass',
  '-j NFQUEUE --queue-balance 3:4',
  '-j NFQUEUE --queue-balance 0:6 --queue-cpu-fanout --queue-bypass',
  '-p tcp --dport 80 -j NFQUEUE --queue-balance 4:9 --queue-cpu-fanout',
];
