// Stores that break one promise each, with the cases of which one must find it.
import { sdk } from './support.mjs';

const { MemoryStore } = sdk;

/** A store whose commits are changed before, or whose answers after. */
const committing = (change) =>
  class extends MemoryStore {
    commit(writes) {
      return super.commit(change(writes, this));
    }
  };

export const MISTAKES = {
  'takes any version for the one that was expected': [
    ['put_over_a_version_needs_exactly_that_version'],
    committing((writes, store) => writes.map((write) => (write.expect === null ? write : { ...write, expect: store.get(write)?.version ?? null }))),
  ],
  'overwrites what should have been absent': [
    ['put_absent_conflicts_with_a_record'],
    committing((writes, store) => writes.map((write) => (write.kind === 'put' && write.expect === null ? { ...write, expect: store.get(write)?.version ?? null } : write))),
  ],
  'does not look at checks': [
    ['checks_write_nothing_and_stop_a_commit_that_does_not_hold'],
    committing((writes) => writes.filter(({ kind }) => kind !== 'check')),
  ],
  'commits entry by entry': [
    ['a_conflict_in_the_last_entry_undoes_all_before_it'],
    class extends MemoryStore {
      commit(writes) {
        let answer = super.commit([]);
        for (const write of writes) if (answer.status === 'done') answer = super.commit([write]);
        return answer;
      }
    },
  ],
  'forgets deletions': [['delete_needs_the_version_and_removes'], committing((writes) => writes.map((write) => (write.kind === 'delete' ? { ...write, kind: 'check' } : write)))],
  'trims its texts': [['bodies_come_back_byte_for_byte'], committing((writes) => writes.map((write) => ({ ...write, ...(write.body && { body: write.body.trim() }) })))],
  'compares ids as JavaScript does': [
    ['ids_are_ordered_by_their_bytes'],
    class extends MemoryStore {
      scan(scan) {
        const found = super.scan(scan);
        if (scan.kind === 'ids') found.sort((a, b) => (a.id < b.id ? -1 : 1) * (scan.descending ? -1 : 1));
        return found;
      }
    },
  ],
  'gives the end of a range too': [
    ['a_range_includes_its_beginning_and_excludes_its_end'],
    class extends MemoryStore {
      scan(scan) {
        return super.scan(scan.until ? { ...scan, until: `${scan.until}\u0000` } : scan);
      }
    },
  ],
  'calls all due that has a time': [
    ['due_records_come_earliest_first_and_only_when_due'],
    committing((writes) => writes.map((write) => (write.dueInMs ? { ...write, dueInMs: 0 } : write))),
  ],
  'takes due times for times since 1970': [['due_is_the_time_of_the_commit_plus_due_in'], committing((writes) => writes.map((write) => (write.dueInMs === null || write.kind !== 'put' ? write : { ...write, dueInMs: write.dueInMs - Date.now() })))],
  'mixes firms': [
    ['firms_are_isolated'],
    class extends MemoryStore {
      get(key) {
        return super.get({ ...key, firm: 'one' });
      }
      commit(writes) {
        return super.commit(writes.map((write) => ({ ...write, firm: 'one' })));
      }
    },
  ],
};
