package com.casehug.clio

import com.casehug.clio.examples.PostgresStore
import com.casehug.clio.examples.SqliteStore
import com.casehug.clio.ports.Done
import com.casehug.clio.ports.Key
import com.casehug.clio.ports.Put
import com.casehug.clio.ports.SealedTokens
import com.casehug.clio.testing.Checked
import com.casehug.clio.testing.checkKeys
import com.casehug.clio.testing.checkStore
import com.casehug.clio.testing.checkTokens
import java.net.URI
import java.nio.file.Files
import java.nio.file.Path
import java.sql.DriverManager
import java.util.concurrent.CompletableFuture
import kotlin.concurrent.thread
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.io.TempDir
import org.postgresql.ds.PGSimpleDataSource

/**
 * The suite that every store of every language passes, on stores in Kotlin; and stores that break
 * one promise each, which it finds by name.
 */
class StoresTest {
    private fun passes(outcomes: List<Checked>, cases: Int) {
        assertTrue(outcomes.size >= cases, "$outcomes")
        assertEquals(emptyList<Checked>(), outcomes.filter { it.wrong != null })
    }

    @Test
    fun `a store in memory passes`() = passes(checkStore(MemoryStore()), 30)

    @Test
    fun `a store on sqlite-jdbc passes`(@TempDir folder: Path) {
        val path = folder.resolve("store.db").toString()
        // Several processes that open it for the first time at once.
        val opening = List(8) { CompletableFuture.supplyAsync { SqliteStore(path) } }
        val stores = opening.map { it.get() }
        passes(checkStore(stores[0], stores[1]), 30)
        stores.forEach(SqliteStore::close)
    }

    @Test
    fun `a store on sqlite-jdbc waits for another process that opens the new file`(@TempDir folder: Path) {
        val path = folder.resolve("store.db").toString()
        DriverManager.getConnection("jdbc:sqlite:$path").use { other ->
            other.createStatement().use { it.execute("BEGIN IMMEDIATE") }
            val opening = CompletableFuture.supplyAsync { SqliteStore(path) }
            Thread.sleep(300)
            other.createStatement().use { it.execute("ROLLBACK") }
            opening.get().use { assertEquals(null, it.get(Key("firm", "collection", "id"))) }
        }
    }

    @Test
    fun `a store on sqlite-jdbc refuses what is no file`() {
        val refused = thrown<IllegalStateException> { SqliteStore(":memory:") }
        assertTrue("journal mode memory" in refused.message.orEmpty(), "$refused")
    }

    @Test
    fun `threads that end leave no connection behind`(@TempDir folder: Path) {
        val path = folder.toRealPath().resolve("store.db")
        fun files(): Int = Files.list(Path.of("/proc/self/fd")).use { all ->
            all.filter { one -> runCatching { Files.readSymbolicLink(one) == path }.getOrDefault(false) }.count().toInt()
        }
        val store = SqliteStore(path.toString())
        repeat(20) {
            thread { store.get(Key("firm", "collection", "id")) }.join()
        }
        assertEquals(1, files())
        store.close()
        assertEquals(0, files())
    }

    @Test
    fun `a store on pgjdbc passes`() = program("postgres-for-tests") { url ->
        assertTrue(url.isNotEmpty(), "PostgreSQL is missing: apt-get install postgresql")
        passesOn(url)
    }

    @Test
    fun `a store on pgjdbc passes behind a pooler`() = program("postgres-for-tests", "--pooler") { urls ->
        assertTrue(urls.isNotEmpty(), "PostgreSQL is missing: apt-get install postgresql")
        val pooled = urls.substringAfter(' ', "")
        if (pooled.isEmpty()) {
            val told = "PgBouncer is missing: apt-get install pgbouncer"
            check(System.getenv("CI") != "true") { told }
            System.err.println("SKIPPED, this test proves nothing here: $told")
        }
        assumeTrue(pooled.isNotEmpty())
        passesOn(pooled)
    }

    @TestFactory
    fun `a store on pgjdbc passes whatever the database's defaults are`(): List<DynamicTest> = listOf(
        listOf("off", "0") to listOf("read committed", "on", "10s"),
        listOf("remote_apply", "3s") to listOf("read committed", "remote_apply", "3s"),
    ).map { (defaults, used) ->
        dynamicTest("$defaults") {
            program("postgres-for-tests") { url ->
                assertTrue(url.isNotEmpty(), "PostgreSQL is missing: apt-get install postgresql")
                val source = source(url)
                source.connection.use { plain ->
                    fun run(statement: String) = plain.createStatement().use { it.execute(statement) }
                    val (synchronous, timeout) = defaults
                    val settings = mapOf(
                        "default_transaction_isolation" to "repeatable read",
                        "synchronous_commit" to synchronous,
                        "lock_timeout" to timeout,
                    )
                    settings.forEach { (name, value) -> run("ALTER DATABASE ${source.databaseName} SET $name = '$value'") }
                    passesOn(url)
                    // What a commit runs under, as it writes.
                    run("CREATE TABLE seen (isolation text, synchronous text, timeout text)")
                    run(
                        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " +
                            "INSERT INTO seen VALUES (current_setting('transaction_isolation'), " +
                            "current_setting('synchronous_commit'), current_setting('lock_timeout')); RETURN new; END $$",
                    )
                    run("CREATE TRIGGER see BEFORE INSERT ON clio_records FOR EACH ROW EXECUTE FUNCTION see()")
                    val put = Put(Key("firm_1", "link", "seen"), null, "1", null, "{}")
                    assertTrue(PostgresStore(source).commit(listOf(put)) is Done)
                    val seen = plain.createStatement().use { statement ->
                        statement.executeQuery("SELECT * FROM seen").use { rows ->
                            buildList { while (rows.next()) add(List(3) { rows.getString(it + 1) }) }
                        }
                    }
                    assertEquals(listOf(used), seen)
                }
            }
        }
    }

    private fun passesOn(url: String) {
        // Several processes that open it for the first time at once.
        val opening = List(8) { CompletableFuture.supplyAsync { PostgresStore(source(url)) } }
        val (first, second) = opening.map { it.get() }
        passes(checkStore(first, second), 30)
    }

    @TestFactory
    fun `a store that breaks a promise is found by name`(): List<DynamicTest> = WRONG.map { (promise, wrong) ->
        dynamicTest(promise) {
            val (case, store) = wrong
            val found = checkStore(store()).filter { it.wrong != null }.map { it.case }
            assertTrue(case in found, "$found")
        }
    }

    @Test
    fun `a vault and keys pass`() {
        passes(checkTokens(Vault()), 3)
        passes(checkKeys(Kms()), 3)
    }

    @Test
    fun `a vault that overwrites is found by name`() {
        val overwrites = object : Vault() {
            override fun compareAndSwap(firm: String, connection: String, expected: String?, sealed: SealedTokens) =
                super.compareAndSwap(firm, connection, load(firm, connection)?.version, sealed)
        }
        val wrong = checkTokens(overwrites).filter { it.wrong != null }.map { it.case }
        assertTrue(wrong.any { "swap" in it || "conflict" in it }, "$wrong")
    }
}

/** A database of PostgreSQL's, for JDBC. */
internal fun source(url: String): PGSimpleDataSource {
    val place = URI(url)
    return PGSimpleDataSource().apply {
        serverNames = arrayOf(place.host)
        portNumbers = intArrayOf(place.port)
        databaseName = place.path.trim('/')
        user = place.userInfo
        // A pooler may stand in between.
        prepareThreshold = 0
    }
}
