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
import java.sql.DriverManager
import java.sql.PreparedStatement
import java.sql.SQLException
import java.util.concurrent.ConcurrentLinkedQueue

private const val COLUMNS = "SELECT firm, collection, id, version, body, due_at FROM clio_records WHERE "
private const val BY_KEY = "firm = ? AND collection = ? AND id = ?"

/** For how long a process waits for another that writes. */
private const val PATIENCE_MS = 10_000L

/** SQLite's code for that. */
private const val BUSY = 5

/** What a column holds, less any clock. */
private const val MOST = 1L shl 62

/**
 * A store of your own on `sqlite-jdbc`: copy it, and change what your database wants otherwise.
 *
 * The SDK's own `sqlite:FILE` does the same without Java. Where a host keeps its own tables in
 * SQLite, this keeps the SDK's records beside them, through the one SQLite library that the JVM has
 * loaded: two libraries that open one file in one process destroy it, and two class loaders that
 * each load the driver are two libraries.
 *
 * As many connections as are used at once, whatever threads come and go: SQLite's own locks keep
 * them apart.
 */
public class SqliteStore(private val path: String) : Store, AutoCloseable {
    private val idle = ConcurrentLinkedQueue<Connection>()

    init {
        connected { connection ->
            connection.run(
                "CREATE TABLE IF NOT EXISTS clio_records (firm TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL, " +
                    "version TEXT NOT NULL, due_at INTEGER, body TEXT NOT NULL, PRIMARY KEY (firm, collection, id)) WITHOUT ROWID",
            )
            connection.run(
                "CREATE INDEX IF NOT EXISTS clio_records_due ON clio_records (collection, due_at) WHERE due_at IS NOT NULL",
            )
        }
    }

    /** One thread at a time has a connection. Closing one rolls back what is open on it. */
    private fun <T> connected(work: (Connection) -> T): T {
        val known = idle.poll()
        val connection = known ?: DriverManager.getConnection("jdbc:sqlite:$path")
        var isWhole = false
        try {
            if (known == null) {
                connection.run("PRAGMA busy_timeout = $PATIENCE_MS")
                connection.switchToWal()
                // Done means durable.
                connection.run("PRAGMA synchronous = FULL")
            }
            return work(connection).also { isWhole = true }
        } finally {
            if (isWhole) idle.add(connection) else connection.close()
        }
    }

    /** Closes what is idle: call it after the SDK's `close`. */
    override fun close(): Unit = generateSequence(idle::poll).forEach(Connection::close)

    override fun get(key: Key): Record? =
        connected { it.records(BY_KEY, key.firm, key.collection, key.id).firstOrNull() }

    override fun scan(scan: Scan): List<Record> {
        val values = ArrayList<Any>()
        val where = StringBuilder()
        when (scan) {
            is Scan.Ids -> {
                where.append("firm = ? AND collection = ? AND id >= ?")
                values.addAll(listOf(scan.firm, scan.collection, scan.first))
                scan.until?.let {
                    where.append(" AND id < ?")
                    values.add(it)
                }
                where.append(if (scan.descending) " ORDER BY id DESC" else " ORDER BY id")
            }
            is Scan.Due -> {
                where.append("collection = ? AND due_at <= ?")
                values.addAll(listOf(scan.collection, System.currentTimeMillis()))
                scan.firm?.let {
                    where.append(" AND firm = ?")
                    values.add(it)
                }
                where.append(" ORDER BY due_at")
            }
        }
        return connected { it.records("$where LIMIT ?", *values.toTypedArray(), scan.limit()) }
    }

    override fun commit(writes: List<Write>): CommitAnswer = connected { connection ->
        // The one writer at a time, from here on. The driver's own transactions begin deferred.
        connection.run("BEGIN IMMEDIATE")
        if (writes.all { connection.holds(it) }) {
            val now = System.currentTimeMillis()
            for (write in writes) {
                connection.write(write, now)
            }
            connection.run("COMMIT")
            Done(now)
        } else {
            connection.run("ROLLBACK")
            Conflict
        }
    }
}

private fun Scan.limit(): Int = when (this) {
    is Scan.Ids -> limit
    is Scan.Due -> limit
}

private fun Connection.run(statement: String, vararg values: Any?) {
    prepareStatement(statement).use { it.with(values).execute() }
}

/**
 * SQLite does not wait here as it does elsewhere: another process that opens the new file is enough
 * for "busy".
 */
private fun Connection.switchToWal() {
    val end = System.nanoTime() + PATIENCE_MS * 1_000_000
    while (true) {
        try {
            val mode = createStatement().use { it.executeQuery("PRAGMA journal_mode = WAL").getString(1) }
            check(mode == "wal") { "journal mode $mode: not a file on a local disk" }
            return
        } catch (failed: SQLException) {
            if (failed.errorCode != BUSY || System.nanoTime() > end) throw failed
            Thread.sleep(5)
        }
    }
}

private fun PreparedStatement.with(values: Array<out Any?>): PreparedStatement = apply {
    values.forEachIndexed { at, value -> setObject(at + 1, value) }
}

private fun Connection.holds(write: Write): Boolean =
    records(BY_KEY, write.key.firm, write.key.collection, write.key.id).firstOrNull()?.version == write.expect

private fun Connection.write(write: Write, now: Long) {
    val key = write.key
    when (write) {
        is Put -> {
            val due = write.dueInMs?.let { now + it.coerceAtMost(MOST) }
            run(
                "INSERT OR REPLACE INTO clio_records VALUES (?, ?, ?, ?, ?, ?)",
                key.firm, key.collection, key.id, write.version, due, write.body,
            )
        }
        is Delete -> run("DELETE FROM clio_records WHERE $BY_KEY", key.firm, key.collection, key.id)
        is Check -> Unit
    }
}

/** Read to its end: an open cursor keeps an old snapshot. */
private fun Connection.records(where: String, vararg values: Any?): List<Record> =
    prepareStatement(COLUMNS + where).use { statement ->
        statement.with(values).executeQuery().use { rows ->
            buildList {
                while (rows.next()) {
                    val due = rows.getLong(6).takeUnless { rows.wasNull() }
                    add(Record(Key(rows.getString(1), rows.getString(2), rows.getString(3)), rows.getString(4), rows.getString(5), due))
                }
            }
        }
    }
