package com.casehug.clio

import com.casehug.clio.native.Engine
import com.casehug.clio.native.HostIntakes
import com.casehug.clio.native.HostKeys
import com.casehug.clio.native.HostStore
import com.casehug.clio.native.HostTokens
import com.casehug.clio.native.LogLevel
import com.casehug.clio.native.Ports
import com.sun.jna.Callback
import com.sun.jna.Native
import com.casehug.clio.native.Config as NativeConfig
import java.lang.reflect.Proxy
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource
import java.nio.file.Path

/** An object as UniFFI calls it, without our own net: every method ends in an error. */
private inline fun <reified T : Any> raw(): T =
    Proxy.newProxyInstance(T::class.java.classLoader, arrayOf(T::class.java)) { _, _, _ ->
        throw Error("an end that nobody caught")
    } as T

/**
 * Of a record or an enum an all-zero answer is no value: UniFFI 0.32.2 hands that over for what the
 * generated code does not catch.
 */
class UncaughtTest {
    @ParameterizedTest
    @ValueSource(strings = ["store", "tokens", "keys", "intakes"])
    fun `what the generated code does not catch is no success`(port: String, @TempDir folder: Path): Unit =
        simulated { url ->
            Library.load()
            // JNA prints what it caught.
            Native.setCallbackExceptionHandler { _: Callback, _: Throwable -> }
            val whole = own(url, folder)
            val ports = Ports(
                store = if (port == "store") raw<HostStore>() else StoreTrait(checkNotNull(whole.store), null),
                tokens = if (port == "tokens") raw<HostTokens>() else TokensTrait(checkNotNull(whole.tokens), null),
                keys = if (port == "keys") raw<HostKeys>() else KeysTrait(checkNotNull(whole.keys), null),
                intakes = if (port == "intakes") raw<HostIntakes>() else IntakesTrait(checkNotNull(whole.intakes), null),
                log = null,
            )
            val config = NativeConfig(
                clientId = whole.clientId, clientSecret = whole.clientSecret, clio = url, database = null,
                sealingKeyId = null, sealingKey = null, intakeFolder = null, webhookUrl = null,
                lateExecutionWindowMs = null, indexDelayMs = null, requestTimeoutMs = null, proxy = null,
                rootCertificates = null, logLevel = LogLevel.ERROR,
            )
            BlockingSdk(Engine(config, ports)).use { sdk ->
                val code = try {
                    connect(sdk)
                    sdk.firm(ADMIN).matters.sync("mat_1").steps.firstNotNullOf { it.error }.code
                } catch (failed: CasehugClioException) {
                    failed.code
                }
                assertTrue(code in setOf(Code.STORE_FAILED, Code.KEY_FAILED, Code.INTAKE_UNREADABLE), code)
            }
        }
}
