package com.casehug.clio.examples

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
import java.sql.Connection
import javax.sql.DataSource

private const val COLUMNS = "SELECT firm, collection, id, version, body, due_at FROM clio_records WHERE "
private const val BY_KEY = "firm = ? AND collection = ? AND id = ?"

/** The one clock of all processes: the database's. */
private const val NOW = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

/**
 * What is told to be done is durable, and nobody is waited for without an end, whatever the
 * database's defaults are.
 */
private const val GUARDS =
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off' " +
        "UNION ALL SELECT set_config('lock_timeout', '10s', true) WHERE current_setting('lock_timeout') = '0'"

/** What a column holds, less any clock. */
private const val MOST = 1L shl 62

/**
 * A store of your own on PostgreSQL's JDBC driver: copy it, and change what your database wants
 * otherwise. Give it a pool; `prepareThreshold=0` where a pooler of connections is in between.
 *
 * The SDK's own `postgres://…` does the same without Java, and faster. This one is for hosts whose
 * connections (pool, certificates, proxies) are theirs.
 */
public class PostgresStore(private val source: DataSource) : Store {
    init {
        source.inTransaction {
            // Two that create the same at once fail, `IF NOT EXISTS` or not.
            it.run("SELECT pg_advisory_xact_lock(hashtextextended('clio_records', 0))")
            it.run(
                "CREATE TABLE IF NOT EXISTS clio_records (firm text COLLATE \"C\" NOT NULL, collection text COLLATE \"C\" NOT NULL, " +
                    "id text COLLATE \"C\" NOT NULL, version text NOT NULL, due_at bigint, body text NOT NULL, " +
                    "PRIMARY KEY (firm, collection, id))",
            )
            it.run("CREATE INDEX IF NOT EXISTS clio_records_due ON clio_records (collection, due_at) WHERE due_at IS NOT NULL")
            true to Unit
        }
    }

    override fun get(key: Key): Record? =
        source.connection.use { it.records(BY_KEY, key.firm, key.collection, key.id).firstOrNull() }

    override fun scan(scan: Scan): List<Record> = source.connection.use { connection ->
        when (scan) {
            is Scan.Ids -> {
                val order = if (scan.descending) "DESC" else "ASC"
                val until = scan.until
                if (until == null) {
                    val where = "firm = ? AND collection = ? AND id >= ? ORDER BY id $order LIMIT ?"
                    connection.records(where, scan.firm, scan.collection, scan.first, scan.limit)
                } else {
                    val where = "firm = ? AND collection = ? AND id >= ? AND id < ? ORDER BY id $order LIMIT ?"
                    connection.records(where, scan.firm, scan.collection, scan.first, until, scan.limit)
                }
            }
            is Scan.Due -> {
                val firm = scan.firm
                val due = "collection = ? AND due_at <= $NOW"
                if (firm == null) {
                    connection.records("$due ORDER BY due_at LIMIT ?", scan.collection, scan.limit)
                } else {
                    connection.records("$due AND firm = ? ORDER BY due_at LIMIT ?", scan.collection, firm, scan.limit)
                }
            }
        }
    }

    override fun commit(writes: List<Write>): CommitAnswer = source.inTransaction { connection ->
        val answer = connection.writeAll(writes)
        (answer is Done) to answer
    }
}

/** Commits if the work says so; gives what it gives beside. The pool gets what it lent. */
private fun <T> DataSource.inTransaction(work: (Connection) -> Pair<Boolean, T>): T = connection.use { connection ->
    val was = connection.autoCommit
    connection.autoCommit = false
    var isDone = false
    try {
        // What is there is looked at after the wait for others. At a stricter level, which may be
        // the database's default, it is what was there before the wait.
        connection.run("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        connection.run(GUARDS)
        val (isGood, answer) = work(connection)
        // What is thrown above rolls back and goes on to the SDK: the driver's commit() ends
        // normally after a statement's error that somebody caught, with nothing stored.
        if (isGood) {
            connection.commit()
            isDone = true
        }
        answer
    } finally {
        if (!isDone) {
            connection.rollback()
        }
        connection.autoCommit = was
    }
}

private fun Connection.writeAll(writes: List<Write>): CommitAnswer {
    // A firm's commits one after the other: an absence has no row that could be locked.
    for (firm in writes.map { it.key.firm }.toSortedSet()) {
        run("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", firm)
    }
    val now = prepareStatement("SELECT $NOW").use { statement ->
        statement.executeQuery().use { rows ->
            check(rows.next())
            rows.getLong(1)
        }
    }
    for (write in writes) {
        val key = write.key
        if (records(BY_KEY, key.firm, key.collection, key.id).firstOrNull()?.version != write.expect) {
            return Conflict
        }
        when (write) {
            is Put -> run(
                "INSERT INTO clio_records VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (firm, collection, id) DO UPDATE " +
                    "SET version = excluded.version, due_at = excluded.due_at, body = excluded.body",
                key.firm, key.collection, key.id, write.version,
                write.dueInMs?.let { now + it.coerceAtMost(MOST) }, write.body,
            )
            is Delete -> run("DELETE FROM clio_records WHERE $BY_KEY", key.firm, key.collection, key.id)
            is Check -> Unit
        }
    }
    return Done(now)
}

private fun Connection.run(statement: String, vararg values: Any?) {
    prepareStatement(statement).use { prepared ->
        values.forEachIndexed { at, value ->
            if (value == null) prepared.setNull(at + 1, java.sql.Types.BIGINT) else prepared.setObject(at + 1, value)
        }
        prepared.execute()
    }
}

private fun Connection.records(where: String, vararg values: Any): List<Record> =
    prepareStatement(COLUMNS + where).use { statement ->
        values.forEachIndexed { at, value -> statement.setObject(at + 1, value) }
        statement.executeQuery().use { rows ->
            buildList {
                while (rows.next()) {
                    val due = rows.getLong(6).takeUnless { rows.wasNull() }
                    add(Record(Key(rows.getString(1), rows.getString(2), rows.getString(3)), rows.getString(4), rows.getString(5), due))
                }
            }
        }
    }
