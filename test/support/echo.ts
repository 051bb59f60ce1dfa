// A program for both ends of a packet's way, run in namespaces by talk.ts:
//   serve NAME PROTOCOL PORT ADDRESS   answers everything there with NAME and the address that it came from
//   ask PROTOCOL ADDRESS PORT MS       prints the answer, or ends with status 1 after so many milliseconds
//   probe ADDRESS PORT MS              asks by udp every so many milliseconds; prints each answer as it comes
import { createSocket } from 'node:dgram';
import { createConnection, createServer, isIPv6 } from 'node:net';

function serve(name: string, protocol: string, port: number, on: string): void {
  const answer = (address: string | undefined): string => `${name} ${address?.replace(/^::ffff:/, '')}`;
  const ready = () => console.log('ready');
  if (protocol === 'tcp') {
    createServer(socket => socket.on('error', () => {}).end(answer(socket.remoteAddress))).listen(
      port,
      on,
      ready,
    );
  } else {
    const socket = createSocket(isIPv6(on) ? 'udp6' : 'udp4');
    socket.on('message', (_, from) => socket.send(answer(from.address), from.port, from.address));
    socket.bind(port, on, ready);
  }
}

function ask(protocol: string, address: string, port: number, ms: number): void {
  setTimeout(() => process.exit(1), ms);
  const take = (data: Buffer): void => {
    process.stdout.write(data);
    process.exit(0);
  };
  if (protocol === 'tcp') {
    createConnection(port, address)
      .on('data', take)
      .on('error', err => {
        console.error(err.message);
        process.exit(1);
      });
  } else {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4').on('message', take);
    socket.on('error', err => console.error(err.message));
    const send = () => socket.send('?', port, address, err => err && console.error(err.message));
    send();
    // A first packet may be lost while a neighbour is looked for.
    setInterval(send, 200);
  }
}

function probe(address: string, port: number, ms: number): void {
  const socket = createSocket('udp4').on('message', data => console.log(String(data)));
  socket.on('error', () => {});
  setInterval(() => socket.send('?', port, address, () => {}), ms);
}

const [role, ...args] = process.argv.slice(2);
if (role === 'serve') serve(args[0]!, args[1]!, Number(args[2]), args[3]!);
else if (role === 'ask') ask(args[0]!, args[1]!, Number(args[2]), Number(args[3]));
else probe(args[0]!, Number(args[1]), Number(args[2]));
