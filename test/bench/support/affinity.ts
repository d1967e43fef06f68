/** On which cores processes run: all their threads, and the processes below them. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findProgram } from './processes.ts';

/** A process and all below it, as the kernel knows them. */
export const withDescendants = (pid: number): readonly number[] => {
  try {
    const below = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    const children = below === '' ? [] : below.split(' ').map(Number);
    return [pid, ...children.flatMap(withDescendants)];
  } catch {
    return [];
  }
};

const taskset = findProgram('taskset');

/** Moves processes to these cores, while they run. Throws when the kernel does not let us. */
export const moveTo = (cores: readonly number[], pids: readonly number[]): void => {
  if (taskset === null) throw new Error('taskset is not installed (Debian package util-linux)');
  for (const pid of pids.flatMap(withDescendants)) {
    const { status, stderr } = spawnSync(
      taskset,
      ['-a', '-p', '-c', cores.join(','), String(pid)],
      {
        encoding: 'utf8',
      },
    );
    if (status !== 0) throw new Error(`taskset could not move ${pid}: ${stderr}`);
  }
};
