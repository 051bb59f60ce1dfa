// Requests and answers on a socket that is a list of datagrams: which answer is whose, what is asked again, what ends it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnswerLimits, NetlinkConnection } from '../../../src/netlink/connection.js';
import {
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Request,
  readMessages,
} from '../../../src/netlink/message.js';
import { int32, message } from '../../support/fake-namespace.js';

const LIST: Request = { type: 26, flags: NLM_F_DUMP, payload: Buffer.alloc(12) };
const CHANGE: Request = { type: 24, flags: 0, payload: Buffer.alloc(12) };
const CONTEXT = { op: 'asking for', subject: 'it' };

type Answers = (seq: number, asked: number) => Buffer[];

/** A connection whose every request is answered by a function; how often it was asked. */
function connection(answers: Answers, limits: AnswerLimits = { messages: 100, ms: 10_000 }) {
  const queue: Buffer[] = [];
  const seqs: number[] = [];
  const send = (datagram: Buffer): void => {
    const { seq } = readMessages(datagram)[0]!;
    queue.push(...answers(seq, seqs.push(seq)));
  };
  const socket = {
    send,
    sendOnThread: async (datagram: Buffer) => send(datagram),
    receive: (buffer: Buffer) => {
      const next = queue.shift();
      if (!next) throw new Error('EAGAIN');
      return next.copy(buffer);
    },
    close: () => undefined,
  };
  return { it: new NetlinkConnection(socket, { limits }), seqs };
}

const part = (seq: number, text: string, flags = 0): Buffer => message(24, flags, seq, Buffer.from(text));
const done = (seq: number, flags = 0): Buffer => message(NLMSG_DONE, flags, seq, int32(0));
const ack = (seq: number, errno = 0): Buffer => message(NLMSG_ERROR, 0, seq, int32(-errno));
const texts = (replies: readonly { payload: Buffer }[]): string[] =>
  replies.map(({ payload }) => `${payload}`);

test('a list in one datagram and a list in several are the same', () => {
  for (const answers of [
    (seq: number) => [Buffer.concat([part(seq, 'one '), part(seq, 'two '), done(seq)])],
    (seq: number) => [part(seq, 'one '), part(seq, 'two '), done(seq)],
  ])
    assert.deepEqual(texts(connection(answers).it.request(LIST, CONTEXT)), ['one ', 'two ']);
});

test('answers are kept when the buffer is used again', () => {
  const { it } = connection(seq => [part(seq, 'kept'), done(seq)]);
  const first = it.request(LIST, CONTEXT);
  it.request(LIST, CONTEXT);
  assert.deepEqual(texts(first), ['kept']);
});

test("what answers nobody's request, or an earlier one, is passed over", () => {
  const { it } = connection(seq => [
    part(0, 'event'),
    part(seq - 1, 'late'),
    ack(seq - 1, 1),
    part(seq, 'mine'),
    done(seq),
  ]);
  assert.deepEqual(texts(it.request(LIST, CONTEXT)), ['mine']);
});

test('no two requests have the same number, and none has 0', () => {
  const { it, seqs } = connection(seq => [ack(seq)]);
  for (let n = 0; n < 50; n++) it.request(CHANGE, CONTEXT);
  assert.deepEqual([new Set(seqs).size, seqs.includes(0)], [50, false]);
});

test('a list that is torn once is read again, whole', () => {
  const { it, seqs } = connection((seq, asked) =>
    asked === 1 ? [part(seq, 'old '), done(seq, NLM_F_DUMP_INTR)] : [part(seq, 'new '), done(seq)],
  );
  assert.deepEqual(texts(it.request(LIST, CONTEXT)), ['new ']);
  assert.equal(seqs.length, 2);
});

test('a list that is torn every time is given up after eight', () => {
  const { it, seqs } = connection(seq => [part(seq, 'old ', NLM_F_DUMP_INTR), done(seq)]);
  assert.throws(() => it.request(LIST, CONTEXT), {
    name: 'ChannelError',
    message: 'asking for it: changed meanwhile',
  });
  assert.equal(seqs.length, 8);
});

test('on a thread a torn list is not read again', async () => {
  const { it, seqs } = connection(seq => [done(seq, NLM_F_DUMP_INTR)]);
  await assert.rejects(it.requestOnThread(LIST, CONTEXT), /changed meanwhile$/);
  assert.equal(seqs.length, 1);
});

test('between the parts of a list there is a pause, whatever time it takes, and a torn one is read again', async () => {
  const { it } = connection(
    (seq, asked) => [
      ...['one ', 'two '].map(text => part(seq, `${asked} ${text}`)),
      done(seq, asked === 1 ? NLM_F_DUMP_INTR : 0),
    ],
    { messages: 9, ms: -1 },
  );
  let pauses = 0;
  const replies = await it.requestInParts(LIST, CONTEXT, async () => {
    pauses++;
  });
  assert.deepEqual([texts(replies), pauses], [['2 one ', '2 two '], 4]);
});

test('what a pause throws ends the reading of a list', async () => {
  const { it } = connection(seq => [part(seq, 'one '), done(seq)]);
  const late = async (): Promise<void> => {
    throw new Error('late');
  };
  await assert.rejects(it.requestInParts(LIST, CONTEXT, late), { message: 'late' });
});

test('a refusal is not asked again', () => {
  for (const request of [LIST, CHANGE]) {
    const { it, seqs } = connection(seq => [ack(seq, 16)]);
    assert.throws(() => it.request(request, CONTEXT), { name: 'OpError', message: /^asking for it: EBUSY / });
    assert.equal(seqs.length, 1);
  }
});

for (const [what, answers, limits, reason] of [
  [
    'of more messages than that',
    (seq: number) => [Buffer.concat([part(seq, 'a'), part(seq, 'b')]), done(seq)],
    { messages: 1, ms: 10_000 },
    'there are more than 1',
  ],
  [
    'of more bytes than that',
    (seq: number) => [Buffer.concat([part(seq, 'a'), part(seq, 'b')]), done(seq)],
    { messages: 9, ms: 10_000, bytes: 1 },
    'they have more than 1 bytes',
  ],
  [
    'of which the messages that answer nobody are too many',
    (seq: number) => [part(0, 'a'), part(0, 'b'), ack(seq)],
    { messages: 1, ms: 10_000 },
    'there are more than 1',
  ],
  [
    'that takes longer than that',
    (seq: number) => [part(seq, 'a'), done(seq)],
    { messages: 9, ms: -1 },
    'no end of it in -1 ms',
  ],
  [
    'that has no end',
    (seq: number) => [part(seq, 'a')],
    { messages: 9, ms: 10_000 },
    'no answer from the kernel that can be read: EAGAIN',
  ],
  [
    'whose length leads outside',
    (seq: number) => [part(seq, 'a').subarray(0, 16)],
    { messages: 9, ms: 10_000 },
    'no answer from the kernel that can be read: a netlink message of length 17 with 16 bytes left',
  ],
  [
    'without an errno',
    (seq: number) => [message(NLMSG_ERROR, 0, seq, Buffer.alloc(2))],
    { messages: 9, ms: 10_000 },
    'no answer from the kernel that can be read: an NLMSG_ERROR of 2 bytes',
  ],
] as const) {
  test(`an answer ${what} is no answer`, () => {
    const { it } = connection(answers, limits);
    assert.throws(() => it.request(CHANGE, CONTEXT), {
      name: 'ChannelError',
      message: `asking for it: ${reason}`,
    });
  });
}

test('an answer of exactly as many messages is one', () => {
  const answers = (seq: number): Buffer[] => [part(seq, 'a'), part(seq, 'b'), done(seq)];
  const { it } = connection(answers, { messages: 2, ms: 10_000 });
  assert.deepEqual(texts(it.request(LIST, CONTEXT)), ['a', 'b']);
});

/** A connection for transactions: what answers one, by the numbers of its messages in their order. */
function transaction(answers: (seqs: readonly number[]) => Buffer[], ms = 10_000) {
  const queue: Buffer[] = [];
  const sent: number[] = [];
  const socket = {
    send: (datagram: Buffer) => {
      const messages = readMessages(datagram);
      sent.push(...messages.filter(({ flags }) => (flags & NLM_F_ACK) !== 0).map(({ seq }) => seq));
      queue.push(...answers(messages.map(({ seq }) => seq)));
    },
    sendOnThread: async () => undefined,
    receive: (buffer: Buffer) => {
      const next = queue.shift();
      if (!next) throw new Error('EAGAIN');
      return next.copy(buffer);
    },
    close: () => undefined,
  };
  const empty = Buffer.alloc(4);
  const requests = [1, 2, 3].map(type => ({ type, flags: 0, payload: empty }));
  const it = new NetlinkConnection(socket, { limits: { messages: 100, ms } });
  const run = (): void =>
    it.batch(
      {
        begin: { type: 16, flags: 0, payload: empty },
        requests,
        end: { type: 17, flags: 0, payload: empty },
      },
      CONTEXT,
    );
  return { run, sent };
}

test('of a transaction the last request alone is acknowledged', () => {
  const { run, sent } = transaction(seqs => [ack(seqs[0]! - 1, 1), ack(seqs[3]!)]);
  run();
  assert.equal(sent.length, 1);
});

for (const [what, at] of [
  ['its beginning', 0],
  ['its first request', 1],
  ['its last request', 3],
] as const) {
  test(`a transaction whose refusal names ${what} is refused`, () => {
    const { run } = transaction(seqs => [ack(seqs[at]!, 95), ack(seqs[3]!)]);
    assert.throws(run, { name: 'OpError', message: /^asking for it: EOPNOTSUPP / });
  });
}

test('a transaction that nothing answers is no success', () => {
  assert.throws(transaction(() => []).run, { name: 'ChannelError' });
});

test('a transaction that has no end in time is no success, whatever else is answered', () => {
  const others = (seqs: readonly number[]): Buffer[] => [ack(seqs[0]! - 1), ack(seqs[3]!)];
  assert.throws(transaction(others, -1).run, {
    name: 'ChannelError',
    message: 'asking for it: no end of it in -1 ms',
  });
});
