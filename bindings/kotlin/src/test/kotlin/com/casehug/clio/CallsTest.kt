package com.casehug.clio

import com.casehug.clio.types.RunStatus
import java.nio.file.Path
import java.time.Duration
import java.util.concurrent.Executors
import kotlin.concurrent.thread
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Cancelling, threads and coroutines. */
class CallsTest {
    @Test
    fun `a cancellation ends what waits`(@TempDir folder: Path): Unit = simulated { url ->
        connected(url, folder) { sdk ->
            val began = System.nanoTime()
            val cancellation = Cancellation()
            thread {
                Thread.sleep(300)
                cancellation.cancel()
            }
            // What waits, and then what was to begin.
            repeat(2) {
                val cancelled = thrown<HostException> {
                    sdk.host(cancellation = cancellation).nextEvents(limit = 10, waitMs = 60_000)
                }
                assertEquals(Code.CANCELLED, cancelled.code)
            }
            assertTrue(System.nanoTime() - began < Duration.ofSeconds(50).toNanos())
        }
    }

    @Test
    fun `a blocking call has a timeout`(@TempDir folder: Path): Unit = simulated { url ->
        connected(url, folder) { sdk ->
            slow(url, 300)
            val cancelled = thrown<HostException> {
                sdk.firm(ADMIN, timeout = Duration.ofMillis(200)).matters.sync("mat_0001")
            }
            assertEquals(Code.CANCELLED, cancelled.code)
            assertEquals(RunStatus.SUCCEEDED, sdk.firm(ADMIN, timeout = Duration.ofMillis(Long.MAX_VALUE)).matters.sync("mat_0001").status)
            assertEquals(listOf(1, 1), made(url).take(2))
        }
    }

    @Test
    fun `an interrupt cancels a call and stays set`(@TempDir folder: Path): Unit = simulated { url ->
        connected(url, folder) { sdk ->
            slow(url, 500)
            var code: String? = null
            var isSet = false
            val caller = thread {
                code = thrown<HostException> { sdk.firm(ADMIN).matters.sync("mat_0001") }.code
                isSet = Thread.currentThread().isInterrupted
            }
            Thread.sleep(250)
            caller.interrupt()
            caller.join(60_000)
            assertEquals(Code.CANCELLED to true, code to isSet)
        }
    }

    @Test
    fun `a coroutine's timeout cancels and nothing is made twice`(@TempDir folder: Path): Unit = simulated { url ->
        writeIntakes(folder.resolve("intake"), 12)
        // Slow enough that the time-outs hit every step.
        slow(url, 30)
        Sdk.open(config(url, folder).copy(intakeFolder = folder.resolve("intake").toString())).use { sdk ->
            connect(sdk.blocking())
            runBlocking {
                for (number in 0 until 12) {
                    syncs(sdk, number)
                }
            }
        }
        assertEquals(listOf(12, 12, 12), made(url))
    }

    private suspend fun syncs(sdk: Sdk, number: Int) {
        for (turn in 1 until 100) {
            try {
                val span = ((turn + number / 12.0) * 30).toLong()
                val report = withTimeout(span) { sdk.firm(ADMIN).matters.sync("mat_$number") }
                assertEquals(RunStatus.SUCCEEDED, report.status)
                return
            } catch (_: TimeoutCancellationException) {
                continue
            } catch (busy: CasehugClioException) {
                // The call that was given up on may still be at its step.
                assertEquals(Code.SYNC_BUSY, busy.code)
                delay(50)
            }
        }
        throw AssertionError("no turn was long enough")
    }

    @Test
    fun `a cancelled coroutine leaves no lease`(@TempDir folder: Path): Unit = simulated { url ->
        slow(url, 500)
        Sdk.open(config(url, folder)).use { sdk ->
            connect(sdk.blocking())
            runBlocking {
                var was: Throwable? = null
                val job = launch {
                    try {
                        sdk.firm(ADMIN).matters.sync("mat_0001")
                    } catch (cancelled: CancellationException) {
                        was = cancelled
                        throw cancelled
                    }
                }
                delay(250)
                job.cancelAndJoin()
                assertTrue(was is CancellationException)
                quick(url)
                val began = System.nanoTime()
                var busyAt = began
                while (runCatching { sdk.firm(ADMIN).matters.sync("mat_0001") }
                        .onFailure { assertEquals(Code.SYNC_BUSY, (it as CasehugClioException).code) }.isFailure
                ) {
                    busyAt = System.nanoTime()
                    delay(50)
                }
                // A lease lasts half a minute; how long the sync then takes says nothing.
                assertTrue(busyAt - began < Duration.ofSeconds(25).toNanos())
            }
        }
        assertEquals(listOf(1, 1), made(url).take(2))
    }

    @Test
    fun `many threads and coroutines on one matter`(@TempDir folder: Path): Unit = simulated { url ->
        connected(url, folder) { sdk ->
            val pool = Executors.newFixedThreadPool(8)
            val blocking = (0 until 8).map { pool.submit<RunStatus> { sdk.firm(ADMIN).matters.sync("mat_0002").status } }
            val suspended = runBlocking(Dispatchers.Default) {
                val other = sdk.suspending()
                (0 until 8).map { async { other.firm(ADMIN).matters.sync("mat_0002").status } }.awaitAll()
            }
            val statuses = suspended + blocking.map { it.get() }
            pool.shutdown()
            assertEquals(setOf(RunStatus.SUCCEEDED), statuses.toSet())
        }
        assertEquals(listOf(1, 1), made(url).take(2))
    }

    @Test
    fun `a waiting coroutine holds no thread`(@TempDir folder: Path): Unit = simulated { url ->
        slow(url, 100)
        Sdk.open(config(url, folder)).use { sdk ->
            connect(sdk.blocking())
            var turns = 0
            // One thread for both.
            runBlocking {
                val sync = async { sdk.firm(ADMIN).matters.sync("mat_0001") }
                while (!sync.isCompleted) {
                    delay(5)
                    turns += 1
                }
            }
            assertTrue(turns > 20, "$turns")
        }
    }

    @Test
    fun `closing while others call ends their calls and nothing else`(@TempDir folder: Path): Unit = simulated { url ->
        slow(url, 20)
        repeat(5) { round ->
            val sdk = BlockingSdk.open(config(url, folder.resolve("round$round").also { it.toFile().mkdir() }))
            connect(sdk)
            val codes = Executors.newFixedThreadPool(6).use { pool ->
                val calls = (0 until 6).map { number ->
                    pool.submit<String?> {
                        if (number % 2 == 0) {
                            runCatching { while (true) sdk.firm(ADMIN).matters.state("mat_0001") }
                        } else {
                            runCatching { runBlocking { while (true) sdk.suspending().host().nextEvents(limit = 1, waitMs = 60_000) } }
                        }.exceptionOrNull()?.let { (it as CasehugClioException).context["reason"] ?: it.code }
                    }
                }
                Thread.sleep(100)
                for (closing in listOf(thread { sdk.close() }, thread { sdk.close() })) {
                    closing.join(60_000)
                    assertFalse(closing.isAlive)
                }
                calls.map { it.get() }
            }
            assertTrue(codes.all { it == "closed" || it == Code.STOPPED }, "$codes")
        }
    }
}

/** Of Java 19. */
private fun <T> java.util.concurrent.ExecutorService.use(work: (java.util.concurrent.ExecutorService) -> T): T = try {
    work(this)
} finally {
    shutdown()
}
