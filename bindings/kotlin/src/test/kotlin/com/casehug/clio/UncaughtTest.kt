package com.casehug.clio

import com.casehug.clio.native.Engine
import com.casehug.clio.native.HostIntakes
import com.casehug.clio.native.HostKeys
import com.casehug.clio.native.HostLog
import com.casehug.clio.native.HostReader
import com.casehug.clio.native.HostStore
import com.casehug.clio.native.HostTokens
import com.casehug.clio.native.LogLevel
import com.casehug.clio.native.OpenedDocument
import com.casehug.clio.native.Ports
import com.sun.jna.Callback
import com.sun.jna.Native
import com.casehug.clio.native.Config as NativeConfig
import java.lang.reflect.InvocationTargetException
import java.lang.reflect.Proxy
import java.nio.file.Path
import java.util.concurrent.atomic.AtomicInteger
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource

/** Each method that the library calls, and the code with which it ends what needs it. */
private val METHODS = """
    store,get,store_failed
    store,scan,store_failed
    store,commit,store_failed
    tokens,load,store_failed
    tokens,compareAndSwap,store_failed
    tokens,remove,store_failed
    keys,wrap,key_failed
    keys,unwrap,key_failed
    intakes,load,intake_unreadable
    intakes,stat,document_unreadable
    intakes,open,document_unreadable
    reader,read,document_unreadable
    reader,end,none
    log,line,none
""".trim().lines().map { it.trim().split(',') }

private val PORTS = mapOf(
    "store" to HostStore::class.java,
    "tokens" to HostTokens::class.java,
    "keys" to HostKeys::class.java,
    "intakes" to HostIntakes::class.java,
    "reader" to HostReader::class.java,
    "log" to HostLog::class.java,
)

private val LATER = Regex("""revoking goes on later.* code="?(\w+)""")

/** Kotlin writes what it takes, if that is unsigned, behind the name. */
private fun plainName(method: java.lang.reflect.Method): String = method.name.substringBefore('-')

/**
 * Of a record or an enum an all-zero answer is no value: UniFFI 0.32.2 hands that over for what the
 * generated code does not catch.
 */
class UncaughtTest {
    companion object {
        private val before = Native.getCallbackExceptionHandler()

        /** JNA prints what it caught. */
        @BeforeAll
        @JvmStatic
        fun quiet() = Native.setCallbackExceptionHandler { _: Callback, _: Throwable -> }

        @AfterAll
        @JvmStatic
        fun loud() = Native.setCallbackExceptionHandler(before)

        @JvmStatic
        fun methods(): List<Array<String>> = METHODS.map { it.toTypedArray() }
    }

    @Test
    fun `every method of a port is here`() {
        val all = PORTS.flatMap { (port, type) -> type.declaredMethods.map { "$port,${plainName(it)}" } }
        assertEquals(all.sorted(), METHODS.map { "${it[0]},${it[1]}" }.sorted())
    }

    @ParameterizedTest
    @MethodSource("methods")
    fun `what the generated code does not catch is no success`(
        port: String,
        method: String,
        code: String,
        @TempDir folder: Path,
    ): Unit = simulated { url ->
        Library.load()
        val ends = AtomicInteger()
        val whole = own(url, folder)
        val told = BlockingSdk(Engine(plainConfig(url), ports(whole, port, method, ends))).use { sdk ->
            try {
                connect(sdk)
                sdk.firm(ADMIN).audit.list()
                val failed = sdk.firm(ADMIN).matters.sync("mat_1").steps.firstNotNullOfOrNull { it.error }?.code
                if (failed == null) {
                    sdk.firm(ADMIN).connection.end()
                }
                failed
            } catch (failed: CasehugClioException) {
                failed.code
            }
        }
        // What is left to do after the end is done later, and only the log tells of it: whole when
        // the SDK is closed.
        assertEquals(code, told ?: LATER.find("${whole.log}")?.groupValues?.get(1) ?: "none", "${whole.log}")
        assertTrue(ends.get() > 0, "it was never called")
    }

    /** Whole ports, one method of which ends in an error that our own net does not see. */
    private fun ports(whole: Config, port: String, method: String, ends: AtomicInteger): Ports {
        fun <T : Any> raw(name: String, inner: T): T {
            val type = PORTS.getValue(name)
            val proxy = Proxy.newProxyInstance(type.classLoader, arrayOf(type)) { _, called, arguments ->
                if (name == port && plainName(called) == method) {
                    ends.incrementAndGet()
                    throw Error("an end that nobody caught")
                }
                try {
                    called.invoke(inner, *(arguments ?: emptyArray()))
                } catch (wrapped: InvocationTargetException) {
                    throw wrapped.targetException
                }
            }
            @Suppress("UNCHECKED_CAST")
            return proxy as T
        }
        val intakes: HostIntakes = IntakesTrait(checkNotNull(whole.intakes), null)
        val reading = object : HostIntakes by intakes {
            override fun open(document: com.casehug.clio.native.DocumentName, offset: ULong) =
                OpenedDocument(raw<HostReader>("reader", intakes.open(document, offset).reader))
        }
        return Ports(
            store = raw<HostStore>("store", StoreTrait(checkNotNull(whole.store), null)),
            tokens = raw<HostTokens>("tokens", TokensTrait(checkNotNull(whole.tokens), null)),
            keys = raw<HostKeys>("keys", KeysTrait(checkNotNull(whole.keys), null)),
            intakes = raw<HostIntakes>("intakes", reading),
            log = raw<HostLog>("log", LogTrait(whole.log)),
        )
    }

    private fun plainConfig(url: String) = NativeConfig(
        clientId = "casehug-dev", clientSecret = "casehug-dev-secret", clio = url, database = null,
        sealingKeyId = null, sealingKey = null, earlierSealingKeys = emptyMap(), intakeFolder = null, webhookUrl = null,
        lateExecutionWindowMs = null, indexDelayMs = null, requestTimeoutMs = null, proxy = null,
        rootCertificates = null, logLevel = LogLevel.DEBUG,
    )
}
