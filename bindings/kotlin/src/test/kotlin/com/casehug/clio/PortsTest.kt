package com.casehug.clio

import com.casehug.clio.ports.Document
import com.casehug.clio.ports.DocumentStat
import com.casehug.clio.ports.Done
import com.casehug.clio.ports.Intakes
import com.casehug.clio.ports.Key
import com.casehug.clio.ports.Keys
import com.casehug.clio.ports.Log
import com.casehug.clio.ports.LogLevel
import com.casehug.clio.ports.Record
import com.casehug.clio.ports.SealedTokens
import com.casehug.clio.ports.Store
import com.casehug.clio.ports.TokenStore
import com.casehug.clio.ports.WrappedKey
import com.casehug.clio.testing.checkTokens
import com.casehug.clio.types.RunStatus
import java.io.InputStream
import java.lang.reflect.Proxy
import java.nio.file.Path
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource
import org.junit.jupiter.params.provider.ValueSource

private const val SECRET = "Ada Byron, born 1815"

/** A configuration with everything of the host's own. */
internal fun own(url: String, folder: Path): Config = config(url, folder).copy(
    database = null,
    sealingKey = null,
    sealingKeyId = null,
    intakeFolder = null,
    store = MemoryStore(),
    keys = Kms(),
    tokens = Vault(),
    intakes = Office(),
)

/** What may end a method, by its name. */
private fun ending(kind: String): Throwable = when (kind) {
    "error" -> Error(SECRET)
    "memory" -> OutOfMemoryError(SECRET)
    "stack" -> StackOverflowError(SECRET)
    "linkage" -> NoClassDefFoundError(SECRET)
    "assertion" -> AssertionError(SECRET)
    else -> IllegalStateException(SECRET)
}

/** Hands on what `inner` can do, and does something else in place of one method. */
private inline fun <reified T : Any> broken(inner: T, method: String, noinline instead: () -> Any?): T =
    Proxy.newProxyInstance(T::class.java.classLoader, arrayOf(T::class.java)) { _, called, arguments ->
        try {
            if (called.name == method) instead() else called.invoke(inner, *(arguments ?: emptyArray()))
        } catch (wrapped: java.lang.reflect.InvocationTargetException) {
            throw wrapped.targetException
        }
    } as T

/** Stores, keys and intakes in Kotlin; and whatever may end one of their methods. */
class PortsTest {
    @Test
    fun `a host with everything of its own syncs once`(@TempDir folder: Path): Unit = simulated { url ->
        BlockingSdk.open(own(url, folder)).use { sdk ->
            connect(sdk)
            assertEquals(RunStatus.SUCCEEDED, sdk.firm(ADMIN).matters.sync("mat_1").status)
            assertEquals(0, sdk.firm(ADMIN).matters.sync("mat_1").calls)
            val none = thrown<InputException> { sdk.firm(ADMIN).matters.sync("none") }
            assertEquals(Code.MATTER_UNKNOWN, none.code)
        }
        assertEquals(listOf(1, 1, 1), made(url))
    }

    @Test
    fun `a thread of the library stays attached`(@TempDir folder: Path): Unit = simulated { url ->
        val threads = java.util.concurrent.ConcurrentHashMap.newKeySet<Thread>()
        val inner = MemoryStore()
        val store = object : Store by inner {
            override fun get(key: Key): Record? = inner.get(key).also { threads.add(Thread.currentThread()) }
        }
        BlockingSdk.open(own(url, folder).copy(store = store)).use { sdk ->
            connect(sdk)
            repeat(50) { sdk.firm(ADMIN).connection.get() }
        }
        // The pool has eight; each would be another one for each call.
        assertTrue(threads.size <= 8 && threads.all { it.isDaemon && it.name == "casehug-clio" }, "$threads")
    }

    @ParameterizedTest
    @CsvSource(
        "get, error", "get, stack", "scan, error", "scan, memory", "commit, error", "commit, memory",
        "commit, linkage", "commit, assertion", "commit, state",
    )
    fun `a store that is ended counts as failed`(method: String, kind: String, @TempDir folder: Path) {
        val log = Lines()
        val config = own("http://127.0.0.1:9", folder)
            .copy(store = broken<Store>(MemoryStore(), method) { throw ending(kind) }, log = log)
        BlockingSdk.open(config).use { sdk ->
            val failed = thrown<HostException> {
                if (method == "scan") sdk.firm(ADMIN).audit.list() else sdk.firm(ADMIN).connection.begin(CALLBACK)
            }
            assertEquals(Code.STORE_FAILED, failed.code)
            assertEquals("callback_failed", failed.context["reason"])
            assertFalse(SECRET in failed.message + failed.toJson() + log)
            assertTrue("Store.$method threw ${ending(kind).javaClass.name}" in log.toString(), "$log")
        }
    }

    @ParameterizedTest
    @CsvSource("wrap, error", "wrap, state", "unwrap, memory", "unwrap, state")
    fun `keys that are ended count as failed`(method: String, kind: String, @TempDir folder: Path): Unit =
        simulated { url ->
            val config = own(url, folder)
            if (method == "unwrap") {
                BlockingSdk.open(config).use(::connect)
            }
            val keys = broken<Keys>(checkNotNull(config.keys), method) { throw ending(kind) }
            BlockingSdk.open(config.copy(keys = keys)).use { sdk ->
                val failed = thrown<HostException> {
                    if (method == "wrap") connect(sdk) else sdk.firm(ADMIN).settings.reloadPracticeAreas()
                }
                assertEquals(Code.KEY_FAILED, failed.code)
                assertFalse(SECRET in failed.toJson())
            }
        }

    @ParameterizedTest
    @CsvSource("load, error", "compareAndSwap, stack", "compareAndSwap, state", "delete, memory")
    fun `a vault that is ended counts as failed`(method: String, kind: String, @TempDir folder: Path) {
        val vault = broken<TokenStore>(Vault(), method) { throw ending(kind) }
        val found = checkTokens(vault).filter { it.wrong != null }
        assertTrue(found.isNotEmpty() && SECRET !in found.toString(), "$found")
        if (method == "compareAndSwap") {
            simulated { url ->
                BlockingSdk.open(own(url, folder).copy(tokens = vault)).use { sdk ->
                    assertEquals(Code.STORE_FAILED, thrown<HostException> { connect(sdk) }.code)
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
        "load, error, intake_unreadable", "load, state, intake_unreadable", "stat, memory, document_unreadable",
        "stat, state, document_unreadable", "open, error, document_unreadable", "open, state, document_unreadable",
    )
    fun `intakes that are ended count as failed`(method: String, kind: String, code: String, @TempDir folder: Path) =
        assertEquals(code, told(folder, broken<Intakes>(Office(), method) { throw ending(kind) }))

    @ParameterizedTest
    @CsvSource("read, error", "read, state", "close, error", "close, state")
    fun `readers that are ended count as failed`(method: String, kind: String, @TempDir folder: Path) {
        val opening = object : Office() {
            override fun open(document: Document, offset: Long): InputStream {
                val inner = super.open(document, offset)
                return object : InputStream() {
                    override fun read(): Int = if (method == "read") throw ending(kind) else inner.read()

                    override fun close() {
                        if (method == "close") throw ending(kind)
                    }
                }
            }
        }
        // Reading is over when a reader is closed: what closing says changes nothing.
        assertEquals(if (method == "read") "document_unreadable" else null, told(folder, opening))
    }

    @Test
    fun `an intake that is too large is not asked for again`(@TempDir folder: Path) {
        val large = object : Office() {
            override fun load(firm: String, matter: String): String = " ".repeat(8 * 1024 * 1024 + 1)
        }
        assertEquals("intake_malformed", told(folder, large))
    }

    /** The code with which a sync over these intakes ends. */
    private fun told(folder: Path, intakes: Intakes): String? = simulated { url ->
        BlockingSdk.open(own(url, folder).copy(intakes = intakes)).use { sdk ->
            connect(sdk)
            try {
                val report = sdk.firm(ADMIN).matters.sync("mat_1")
                assertFalse(SECRET in report.toString())
                report.steps.firstNotNullOfOrNull { it.error }?.code
            } catch (failed: CasehugClioException) {
                assertFalse(SECRET in failed.toJson())
                failed.code
            }
        }
    }

    @Test
    fun `a log that is ended hurts nothing`(@TempDir folder: Path): Unit = simulated { url ->
        for (kind in listOf("error", "stack", "state")) {
            val log = object : Log {
                override fun line(level: LogLevel, target: String, message: String) = throw ending(kind)

                override fun level(): LogLevel = throw ending(kind)
            }
            val place = folder.resolve(kind).also { it.toFile().mkdir() }
            BlockingSdk.open(own(url, place).copy(log = log)).use { sdk ->
                connect(sdk)
                assertEquals(RunStatus.SUCCEEDED, sdk.firm(ADMIN).matters.sync("mat_1").status)
            }
        }
    }

    /** Of Java, a method may answer null; and a clock anything. */
    @ParameterizedTest
    @ValueSource(strings = ["nothing", "before 1970"])
    fun `a commit without an answer is none`(answer: String, @TempDir folder: Path): Unit = simulated { url ->
        val store = broken<Store>(MemoryStore(), "commit") { if (answer == "nothing") null else Done(-1) }
        BlockingSdk.open(own(url, folder).copy(store = store)).use { sdk ->
            assertEquals(Code.STORE_FAILED, thrown<HostException> { connect(sdk) }.code)
        }
    }

    @Test
    fun `a call inside a port is refused at once`(@TempDir folder: Path): Unit = simulated { url ->
        lateinit var opened: BlockingSdk
        val reasons = HashSet<String?>()
        val store = broken<Store>(MemoryStore(), "get") {
            val calls = listOf<() -> Unit>(
                { opened.firm(ADMIN).connection.get() },
                { runBlocking { opened.suspending().firm(ADMIN).connection.get() } },
                { opened.close() },
                { opened.startWorker() },
                { opened.handleWebhook("t", emptyMap(), ByteArray(0)) },
                { BlockingSdk.open(own(url, folder)) },
            )
            calls.forEach { reasons.add(thrown<InputException>(it).context["reason"]) }
            null
        }
        BlockingSdk.open(own(url, folder).copy(store = store)).use { sdk ->
            opened = sdk
            assertNull(sdk.firm(ADMIN).connection.get())
        }
        assertEquals(setOf<String?>("call_inside_callback"), reasons)
    }

    @Test
    fun `the log holds no client and no secret`(@TempDir folder: Path): Unit = simulated { url ->
        val log = Lines(LogLevel.DEBUG)
        BlockingSdk.open(own(url, folder).copy(log = log)).use { sdk ->
            connect(sdk)
            sdk.firm(ADMIN).matters.sync("mat_1")
        }
        assertTrue("resource=contacts" in log.toString())
        assertFalse("Byron" in log.toString() || "casehug-dev-secret" in log.toString())
    }

    @Test
    fun `what ports are handed shows no body`() {
        val key = Key("firm_1", "links", "a")
        val shown = listOf(
            Record(key, "1", SECRET, null),
            com.casehug.clio.ports.Put(key, null, "1", null, SECRET),
            SealedTokens("1", SECRET),
            WrappedKey("k", SECRET.toByteArray()),
            DocumentStat(1, "r", "approved", "client_upload"),
        ).joinToString()
        assertFalse(SECRET in shown)
    }
}
