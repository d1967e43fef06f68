/**
 * Loaded into every part before its own code: takes what the supervisor hands over through a pipe, where it does not
 * show in `/proc/PID/environ`, and the part's lock. Variables set here live in this process's memory only.
 */
import { closeSync, readFileSync } from 'node:fs';
import { handOverFd } from './environment.ts';
import type { HandOver } from './environment.ts';
import { takeLock } from './lock.ts';

const isHandOver = (value: unknown): value is HandOver =>
  typeof value === 'object' &&
  value !== null &&
  'lock' in value &&
  typeof value.lock === 'string' &&
  'variables' in value &&
  typeof value.variables === 'object' &&
  value.variables !== null &&
  Object.values(value.variables).every((text) => typeof text === 'string');

const receive = (): HandOver => {
  const value: unknown = JSON.parse(readFileSync(handOverFd, 'utf8'));
  closeSync(handOverFd);
  if (!isHandOver(value)) throw new Error('the supervisor handed over something else');
  return value;
};

const { lock, variables } = receive();
Object.assign(process.env, variables);
const taken = takeLock(lock);
if (taken.kind === 'held') {
  process.stderr.write(`another process of this part holds ${lock}\n`);
  process.exit(1);
}
// Named here, so that it is not collected, and with it the lock.
process.on('exit', () => taken.release());
