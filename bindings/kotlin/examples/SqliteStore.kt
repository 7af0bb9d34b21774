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

private const val COLUMNS = "SELECT firm, collection, id, version, body, due_at FROM clio_records WHERE "
private const val BY_KEY = "firm = ? AND collection = ? AND id = ?"

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
 * One connection for each thread: SQLite's own locks keep them apart.
 */
public class SqliteStore(private val path: String) : Store {
    private val own = ThreadLocal.withInitial(::opened)

    init {
        own.get().createStatement().use {
            it.executeUpdate(
                "CREATE TABLE IF NOT EXISTS clio_records (firm TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL, " +
                    "version TEXT NOT NULL, due_at INTEGER, body TEXT NOT NULL, PRIMARY KEY (firm, collection, id)) WITHOUT ROWID",
            )
            it.executeUpdate(
                "CREATE INDEX IF NOT EXISTS clio_records_due ON clio_records (collection, due_at) WHERE due_at IS NOT NULL",
            )
        }
    }

    private fun opened(): Connection = DriverManager.getConnection("jdbc:sqlite:$path").also { made ->
        made.createStatement().use {
            it.execute("PRAGMA busy_timeout = 10000")
            it.execute("PRAGMA journal_mode = WAL")
            // Done means durable.
            it.execute("PRAGMA synchronous = FULL")
        }
    }

    override fun get(key: Key): Record? =
        own.get().records(BY_KEY, key.firm, key.collection, key.id).firstOrNull()

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
        return own.get().records("$where LIMIT ?", *values.toTypedArray(), scan.limit())
    }

    override fun commit(writes: List<Write>): CommitAnswer {
        val connection = own.get()
        // The one writer at a time, from here on. The driver's own transactions begin deferred.
        connection.run("BEGIN IMMEDIATE")
        var isOpen = true
        try {
            if (!writes.all { connection.holds(it) }) {
                return Conflict
            }
            val now = System.currentTimeMillis()
            for (write in writes) {
                connection.write(write, now)
            }
            connection.run("COMMIT")
            isOpen = false
            return Done(now)
        } finally {
            if (isOpen) {
                connection.run("ROLLBACK")
            }
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
