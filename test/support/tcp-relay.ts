import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Hooks } from './temporary.ts';

/** A way to a server that can be cut and mended while its address stays the same. */
export type TcpRelay = {
  readonly port: number;
  /** Breaks every connection and refuses new ones. */
  cut(): Promise<void>;
  mend(): Promise<void>;
};

/** Passes bytes on as they come, so that what goes through it costs a test little. */
export const startTcpRelay = async (hooks: Hooks, target: URL): Promise<TcpRelay> => {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let port = 0;

  const keep = (socket: Socket, other: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      // What came through before still arrives.
      other.destroySoon();
    });
    // Its close follows, and says all there is to say.
    socket.on('error', () => undefined);
  };
  const cut = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (server === undefined) return;
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
    await promise;
    server = undefined;
  };
  const mend = async (): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const next = createServer((near) => {
      const far = connect(Number(target.port), target.hostname);
      keep(near, far);
      keep(far, near);
      near.pipe(far).pipe(near);
    });
    next.once('error', reject).listen(port, '127.0.0.1', resolve);
    await promise;
    const address = next.address();
    port = typeof address === 'object' && address !== null ? address.port : port;
    server = next;
  };

  await mend();
  hooks.after(cut);
  return { port, cut, mend };
};
