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

/** Time that a thread was on a core, to the nanosecond, seconds; 0: it has ended meanwhile. */
const onCoreSeconds = (path: string): number => {
  try {
    const [nanoseconds] = readFileSync(`${path}/schedstat`, 'utf8').split(' ');
    return Number(nanoseconds) / 1e9;
  } catch {
    return 0;
  }
};

const threadsOf = (pid: number): readonly string[] => {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
};

/**
 * CPU of processes, all their threads, seconds. From the scheduler and not from `stat`, whose ticks of 10 ms are too
 * coarse for a call a second. https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
 */
export const cpuSeconds = (pids: readonly number[]): number =>
  pids.reduce(
    (sum, pid) =>
      threadsOf(pid).reduce(
        (inner, thread) => inner + onCoreSeconds(`/proc/${pid}/task/${thread}`),
        sum,
      ),
    0,
  );

/** CPU of this process and of those it started and that have ended, seconds. */
export const ownCpuSeconds = (): number => {
  const fields = fieldsOf('/proc/self/stat');
  return [11, 12, 13, 14].reduce((sum, index) => sum + at(fields, index), 0) / ticksPerSecond;
};

/** CPU by thread name; the main thread is `main`. Seconds. */
export const threadSeconds = (pid: number): Readonly<Record<string, number>> => {
  const byName: Record<string, number> = {};
  for (const thread of threadsOf(pid)) {
    const path = `/proc/${pid}/task/${thread}`;
    const name = thread === String(pid) ? 'main' : readFileSync(`${path}/comm`, 'utf8').trim();
    byName[name] = (byName[name] ?? 0) + onCoreSeconds(path);
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

/** Resident memory of processes, bytes. Pages that they share count for each. */
export const rssBytes = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const [, pages = '0'] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
    return sum + Number(pages) * pageBytes;
  }, 0);

/** The value at a share `q` of sorted values, between neighbours in proportion; NaN: there are none. */
export const quantile = (values: readonly number[], q: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const low = sorted[Math.floor(place)] ?? NaN;
  const high = sorted[Math.ceil(place)] ?? NaN;
  return low + (high - low) * (place - Math.floor(place));
};
