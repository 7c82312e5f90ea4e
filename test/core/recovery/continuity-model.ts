import type { BackupFacts, IncarnationFacts } from '../../../lib/core/recovery/archive-facts.ts';
import { lsnOf } from '../../../lib/core/wal/lsn.ts';
import { type TimelineHistory, timelineOfLsn } from '../../../lib/core/wal/timeline-history.ts';

/** The rules of continuity again, one segment at a time and without any thought of cost. */
export const judgeSlowly = (facts: IncarnationFacts) => {
  const size = BigInt(facts.segmentBytes);
  const limit = 60;
  const numbers = Array.from({ length: limit }, (_, number) => number);
  const present = new Set<string>();
  for (const { timelineId, runs } of facts.timelines) {
    for (const number of numbers) {
      if (runs.some(({ first, last }) => first <= number && number <= last))
        present.add(`${timelineId}/${number}`);
    }
  }
  const ids = [...new Set([...facts.timelines, ...facts.backups].map(({ timelineId }) => timelineId))].sort(
    (one, other) => one - other,
  );
  const fileOf = (id: number) => facts.timelines.find(({ timelineId }) => timelineId === id)?.history;
  const isFollowable = (id: number) => id === 1 || fileOf(id) !== undefined;
  const historyOf = (id: (typeof ids)[number]): TimelineHistory => {
    const own = fileOf(id);
    if (own !== undefined) return own;
    for (const other of ids) {
      const switches = fileOf(other)?.switches ?? [];
      const index = switches.findIndex(({ parentId }) => parentId === id);
      if (index >= 0) return { timelineId: id, switches: switches.slice(0, index) };
    }
    return { timelineId: id, switches: [] };
  };
  const histories = new Map(ids.map((id) => [id, historyOf(id)]));
  /** Whose name a segment bears on the way to a timeline: the newest that began in it or before. */
  const nameOf = (id: number, number: number): number => {
    const switches = histories.get(id as never)?.switches ?? [];
    let owner: number = switches[0]?.parentId ?? id;
    for (const [index, { switchLsn }] of switches.entries()) {
      if (switchLsn / size <= BigInt(number)) owner = switches[index + 1]?.parentId ?? id;
    }
    return owner;
  };
  const isThere = (id: number, number: number) => present.has(`${nameOf(id, number)}/${number}`);
  const own = (backup: BackupFacts) =>
    numbers.filter(
      (number) => BigInt(number + 1) * size > backup.startLsn && BigInt(number) * size < backup.stopLsn,
    );
  const on = (id: number) =>
    facts.backups.filter((backup) => {
      const history = histories.get(id as never);
      return (
        backup.timelineId === id ||
        (history !== undefined && timelineOfLsn(history, lsnOf(backup.stopLsn - 1n)) === backup.timelineId)
      );
    });
  const isComplete = (backup: BackupFacts, id: number) =>
    isFollowable(id) && own(backup).every((number) => isThere(id, number));
  const completeNames = facts.backups
    .filter((backup) => ids.some((id) => on(id).includes(backup) && isComplete(backup, id)))
    .map(({ name }) => name);

  const forks = (id: number) =>
    ids.flatMap((other) =>
      (histories.get(other)?.switches ?? [])
        .filter(({ parentId }) => parentId === id)
        .map(({ switchLsn }) => switchLsn),
    );
  const isLive = (id: number) =>
    forks(id).length === 0 ||
    facts.backups.some(
      (backup) => backup.timelineId === id && forks(id).every((fork) => backup.stopLsn > fork),
    );
  const gaps = new Map<string, string>();
  for (const id of ids.toReversed().filter(isLive)) {
    const backups = on(id).toSorted((one, other) => (own(one)[0] ?? 0) - (own(other)[0] ?? 0));
    for (const number of numbers) {
      const key = `${nameOf(id, number)}/${number}`;
      const isAfterOne = backups.some((backup) => (own(backup)[0] ?? 0) <= number);
      const isBeforeMore = numbers.some((later) => later > number && isThere(id, later));
      if (isThere(id, number) || !isAfterOne || !isBeforeMore || gaps.has(key)) continue;
      const bridge = backups.find((backup) => isComplete(backup, id) && (own(backup)[0] ?? 0) > number);
      const isExpected = backups.every(
        (backup) =>
          (own(backup)[0] ?? 0) > number || (backup.isPermanent && (own(backup).at(-1) ?? 0) < number),
      );
      gaps.set(
        key,
        bridge === undefined ? 'severe' : `${isExpected ? 'expected' : 'warning'} ${bridge.name}`,
      );
    }
  }

  /** `from` to `to` for each backup that can be recovered along a timeline, as far as that goes. */
  const reaches = ids.filter(isFollowable).flatMap((id) =>
    on(id)
      .filter((backup) => isComplete(backup, id))
      .map((backup) => {
        let last = own(backup).at(-1) ?? 0;
        while (isThere(id, last + 1)) last += 1;
        return { id, name: backup.name, last, key: `${nameOf(id, last)}/${last}` };
      }),
  );
  const orphans = ids
    .filter((id) => !isLive(id))
    .flatMap((id) =>
      numbers
        .filter(
          (number) =>
            present.has(`${id}/${number}`) && forks(id).every((fork) => fork / size <= BigInt(number)),
        )
        .map((number) => `${id}/${number}`),
    );
  return { completeNames, gaps, reaches, orphans, ids, isFollowable };
};
