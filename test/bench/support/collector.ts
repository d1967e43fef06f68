/**
 * Preloaded into a process whose memory is to be judged: SIGUSR2 collects all its garbage. What is left is kept by
 * somebody; what V8 has not yet bothered to collect is no leak.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

process.on('SIGUSR2', () => {
  if (typeof collect === 'function') collect();
});
