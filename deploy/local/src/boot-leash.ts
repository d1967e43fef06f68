import { Socket } from 'node:net';
import type { Env } from './settings.ts';

/**
 * Stops this process, as SIGTERM does, when `boot.mjs` is gone however it ended: it holds the other end of the pipe
 * that `TOLLGATE_BOOT_FD` names. Without the variable nobody holds one.
 */
export const stopWithBoot = (env: Env): void => {
  const fd = Number(env['TOLLGATE_BOOT_FD'] ?? '');
  if (!Number.isInteger(fd) || fd < 3) return;
  const pipe = new Socket({ fd, readable: true, writable: false });
  const stop = () => process.kill(process.pid, 'SIGTERM');
  pipe.once('end', stop).once('error', stop).resume().unref();
};
