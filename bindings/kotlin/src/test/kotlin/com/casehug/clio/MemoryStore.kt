package com.casehug.clio

import com.casehug.clio.ports.Check
import com.casehug.clio.ports.CommitAnswer
import com.casehug.clio.ports.Conflict
import com.casehug.clio.ports.Delete
import com.casehug.clio.ports.Done
import com.casehug.clio.ports.Key
import com.casehug.clio.ports.Put
import com.casehug.clio.ports.Record
import com.casehug.clio.ports.Scan
import com.casehug.clio.ports.Store
import com.casehug.clio.ports.Write

/** Nothing survives the process. */
internal open class MemoryStore : Store {
    private val all = HashMap<Key, Record>()

    override fun get(key: Key): Record? = synchronized(all) { all[key] }

    override fun scan(scan: Scan): List<Record> = synchronized(all) {
        when (scan) {
            is Scan.Ids -> {
                val found = all.values.filter { it.key.firm == scan.firm && it.key.collection == scan.collection }
                    .filter { inBytes(it.key.id, scan.first) >= 0 }
                    .filter { record -> scan.until?.let { inBytes(record.key.id, it) < 0 } ?: true }
                    .sortedWith { one, other -> inBytes(one.key.id, other.key.id) }
                (if (scan.descending) found.reversed() else found).take(scan.limit)
            }
            is Scan.Due -> {
                val now = System.currentTimeMillis()
                all.values.filter { it.key.collection == scan.collection && (scan.firm ?: it.key.firm) == it.key.firm }
                    .filter { (it.dueAtMs ?: Long.MAX_VALUE) <= now }
                    .sortedBy { it.dueAtMs }.take(scan.limit)
            }
        }
    }

    override fun commit(writes: List<Write>): CommitAnswer = synchronized(all) {
        if (writes.any { all[it.key]?.version != it.expect }) {
            return Conflict
        }
        val now = System.currentTimeMillis()
        for (write in writes) {
            when (write) {
                is Put -> {
                    val due = write.dueInMs?.let { now + it.coerceAtMost(1L shl 61) }
                    all[write.key] = Record(write.key, write.version, write.body, due)
                }
                is Delete -> all.remove(write.key)
                is Check -> Unit
            }
        }
        Done(now)
    }
}

private fun inBytes(one: String, other: String): Int =
    java.util.Arrays.compareUnsigned(one.encodeToByteArray(), other.encodeToByteArray())

/** A store whose commits are changed before. */
private open class Changed(private val change: MemoryStore.(Write) -> Write?) : MemoryStore() {
    override fun commit(writes: List<Write>): CommitAnswer =
        synchronized(this) { super.commit(writes.mapNotNull { change(it) }) }
}

/** Expects what is there. */
private fun MemoryStore.there(write: Write): Write {
    val version = get(write.key)?.version
    return when (write) {
        is Put -> write.copy(expect = version)
        is Delete -> version?.let { write.copy(expect = it) } ?: write
        is Check -> write.copy(expect = version)
    }
}

private fun put(change: (Put) -> Put) = Changed { if (it is Put) change(it) else it }

private fun inOneFirm(write: Write): Write {
    val key = write.key.copy(firm = "one")
    return when (write) {
        is Put -> write.copy(key = key)
        is Delete -> write.copy(key = key)
        is Check -> write.copy(key = key)
    }
}

/** Stores that break one promise each, with the case that must find it. */
internal val WRONG: Map<String, Pair<String, () -> Store>> = mapOf(
    "takes any version" to ("put_over_a_version_needs_exactly_that_version" to {
        Changed { if (it.expect != null) there(it) else it }
    }),
    "overwrites what should have been absent" to ("put_absent_conflicts_with_a_record" to {
        Changed { if (it.expect == null) there(it) else it }
    }),
    "does not look at checks" to ("checks_write_nothing_and_stop_a_commit_that_does_not_hold" to {
        Changed { write -> write.takeUnless { it is Check } }
    }),
    "commits entry by entry" to ("a_conflict_in_the_last_entry_undoes_all_before_it" to {
        object : MemoryStore() {
            override fun commit(writes: List<Write>): CommitAnswer {
                var answer = super.commit(emptyList())
                for (write in writes) {
                    if (answer is Done) {
                        answer = super.commit(listOf(write))
                    }
                }
                return answer
            }
        }
    }),
    "forgets deletions" to ("delete_needs_the_version_and_removes" to {
        Changed { if (it is Delete) Check(it.key, it.expect) else it }
    }),
    "trims its texts" to ("bodies_come_back_byte_for_byte" to { put { it.copy(body = it.body.trim()) } }),
    "orders ids by UTF-16" to ("ids_are_ordered_by_their_bytes" to {
        object : MemoryStore() {
            override fun scan(scan: Scan): List<Record> {
                val found = super.scan(scan)
                if (scan !is Scan.Ids) {
                    return found
                }
                return found.sortedBy { it.key.id }.let { if (scan.descending) it.reversed() else it }
            }
        }
    }),
    "gives the end of a range too" to ("a_range_includes_its_beginning_and_excludes_its_end" to {
        object : MemoryStore() {
            override fun scan(scan: Scan): List<Record> =
                super.scan(if (scan is Scan.Ids) scan.copy(until = scan.until?.plus("\u0000")) else scan)
        }
    }),
    "calls all due that has a time" to ("due_records_come_earliest_first_and_only_when_due" to {
        put { if (it.dueInMs == null) it else it.copy(dueInMs = 0) }
    }),
    "takes due times for times since 1970" to ("due_is_the_time_of_the_commit_plus_due_in" to {
        put { write -> write.copy(dueInMs = write.dueInMs?.minus(System.currentTimeMillis())) }
    }),
    "mixes firms" to ("firms_are_isolated" to {
        object : MemoryStore() {
            override fun get(key: Key): Record? = super.get(key.copy(firm = "one"))

            override fun commit(writes: List<Write>): CommitAnswer = super.commit(writes.map(::inOneFirm))
        }
    }),
)
