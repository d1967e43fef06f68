/** CPU time and memory of processes, from /proc. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ: the unit of CPU times in /proc, 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;
const pageBytes = 4096;

/** Fields of a `stat` line after the command's name, which may hold blanks and brackets; [0] is field 3. */
const fieldsOf = (path: string): readonly number[] => {
  const text = readFileSync(path, 'utf8');
  return text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
};

const at = (fields: readonly number[], index: number): number => fields[index] ?? 0;

/** utime + stime of a process, all its threads, seconds. */
export const cpuSeconds = (pid: number): number => {
  const fields = fieldsOf(`/proc/${pid}/stat`);
  return (at(fields, 11) + at(fields, 12)) / ticksPerSecond;
};

/** CPU of this process and of those it started and that have ended, seconds. */
export const ownCpuSeconds = (): number => {
  const fields = fieldsOf('/proc/self/stat');
  return [11, 12, 13, 14].reduce((sum, index) => sum + at(fields, index), 0) / ticksPerSecond;
};

/** utime + stime by thread name; the main thread is `main`. Seconds. */
export const threadSeconds = (pid: number): Readonly<Record<string, number>> => {
  const byName: Record<string, number> = {};
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const fields = fieldsOf(`/proc/${pid}/task/${thread}/stat`);
    const name =
      thread === String(pid)
        ? 'main'
        : readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trim();
    byName[name] = (byName[name] ?? 0) + (at(fields, 11) + at(fields, 12)) / ticksPerSecond;
  }
  return byName;
};

/** Time that all cores together were not idle, with the time a hypervisor took away, seconds. */
export const machineBusySeconds = (): number => {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user, nice, system, , , irq, softirq, steal] = line.split(/\s+/).slice(1).map(Number);
  return (
    [user, nice, system, irq, softirq, steal].reduce<number>((sum, n) => sum + (n ?? 0), 0) /
    ticksPerSecond
  );
};

/** Resident memory of a process, bytes. */
export const rssBytes = (pid: number): number => {
  const [, pages = '0'] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
  return Number(pages) * pageBytes;
};

/** The value at a share `q` of sorted values, between neighbours in proportion; NaN: there are none. */
export const quantile = (values: readonly number[], q: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const low = sorted[Math.floor(place)] ?? NaN;
  const high = sorted[Math.ceil(place)] ?? NaN;
  return low + (high - low) * (place - Math.floor(place));
};
