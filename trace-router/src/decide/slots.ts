/**
 * Which member gets which slot: a table of 16,384 slots filled by consistent hashing with bounded loads, so that every
 * member is within one slot of its share and a change of members moves the minimum. `hashring` decides the order in
 * which a slot likes the members (ketama, md5, 160 points each); it runs once per change, never per span.
 */
import HashRing from 'hashring';
import { slotCount } from './slot-of.ts';

/** A member's stable name is its key on the ring; its address may change without moving a slot. */
export interface Placed {
  readonly name: string;
  readonly weight: number;
}

/** `owner[slot]` is an index into `names`, which are sorted. */
export interface SlotTable {
  readonly names: readonly string[];
  readonly owner: Uint16Array;
}

const unowned = 0xffff;
/** Asking the ring for a few candidates is ten times cheaper than for all of a hundred. */
const candidates = 8;

/** Slots due to each member: its share, rounded down, and the left-over slots one each. */
const quotas = (members: readonly Placed[], held: readonly number[]): number[] => {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const due = members.map(({ weight }) => Math.floor((slotCount * weight) / total));
  let left = slotCount - due.reduce((sum, slots) => sum + slots, 0);
  const order = members.map((_, i) => i).sort((a, b) => (held[b] ?? 0) - (held[a] ?? 0) || a - b);
  for (const i of order) {
    if (left === 0) break;
    due[i] = (due[i] ?? 0) + 1;
    left -= 1;
  }
  return due;
};

/**
 * The table for these members. With a previous table only the slots move that must: those of members that left, and
 * the surplus of members above their share. Same input, same table. Throws on no members or a weight that is not above 0.
 */
export const fillSlots = (
  wanted: readonly Placed[],
  previous: SlotTable | null = null,
): SlotTable => {
  const members = [...wanted].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (members.length === 0 || members.some(({ weight }) => !(weight > 0))) {
    throw new Error('a slot table needs members, each with a weight above 0');
  }
  const names = members.map(({ name }) => name);
  const indexOf = new Map(names.map((name, i) => [name, i]));
  const ring = new HashRing([...names]);
  // Only one to ask for: without the ring a router of one member starts half a second sooner. Asked for more than there
  // are, the ring is walked all the way round for each slot.
  const rank = (slot: number, most: number): number[] =>
    names.length === 1
      ? [0]
      : ring
          .range(`slot-${slot}`, Math.min(most, names.length))
          .map((name) => indexOf.get(name) ?? 0);

  const owner = new Uint16Array(slotCount).fill(unowned);
  const held = names.map(() => 0);
  if (previous !== null) {
    for (const [slot, old] of previous.owner.entries()) {
      const now = indexOf.get(previous.names[old] ?? '');
      if (now === undefined) continue;
      owner[slot] = now;
      held[now] = (held[now] ?? 0) + 1;
    }
  }
  const quota = quotas(members, held);
  const newcomers = new Set(
    names.flatMap((name, i) => (previous?.names.includes(name) === false ? [i] : [])),
  );
  // A member above its share gives up those slots first that a newcomer stands closest to on the ring.
  for (const [i, slots] of held.entries()) {
    const surplus = slots - (quota[i] ?? 0);
    if (surplus <= 0) continue;
    const mine = [...owner.keys()].filter((slot) => owner[slot] === i);
    const wish = new Map(
      mine.map((slot) => {
        const place = rank(slot, candidates).findIndex((member) => newcomers.has(member));
        return [slot, place === -1 ? candidates : place];
      }),
    );
    mine.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0) || a - b);
    for (const slot of mine.slice(0, surplus)) owner[slot] = unowned;
    held[i] = slots - surplus;
  }
  const free = (member: number) => (held[member] ?? 0) < (quota[member] ?? 0);
  for (const slot of owner.keys()) {
    if (owner[slot] !== unowned) continue;
    const taker =
      rank(slot, candidates).find(free) ??
      rank(slot, names.length).find(free) ??
      names.findIndex((_, i) => free(i));
    owner[slot] = taker;
    held[taker] = (held[taker] ?? 0) + 1;
  }
  return { names, owner };
};
