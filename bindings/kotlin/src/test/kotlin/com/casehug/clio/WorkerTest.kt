package com.casehug.clio

import com.casehug.clio.types.EventBody
import com.casehug.clio.types.OutboxEvent
import com.casehug.clio.types.Trigger
import com.sun.net.httpserver.HttpServer
import java.net.InetSocketAddress
import java.nio.file.Path
import java.time.Duration
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.filter
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

private val POLL = Duration.ofMillis(50)

private fun isFinished(event: OutboxEvent) = event.event is EventBody.RunFinished

/** The worker, events, and Clio's webhooks. */
class WorkerTest {
    @Test
    fun `events flow until nobody collects them any more`(@TempDir folder: Path): Unit = simulated { url ->
        Sdk.open(config(url, folder)).use { sdk ->
            connect(sdk.blocking())
            runBlocking {
                sdk.startWorker(poll = POLL)
                val matters = sdk.firm(ADMIN).matters
                matters.trigger(matter = "mat_0001", trigger = Trigger.APPROVED)
                matters.trigger(matter = "mat_0002", trigger = Trigger.APPROVED)
                val two = withTimeout(120_000) { sdk.events().filter(::isFinished).take(2).toList() }
                // The collector was through with the first; the second comes again in a minute,
                // which a list of what is left does not wait for.
                assertNotEquals(two[0].id, two[1].id)
                sdk.host().ackEvent(firm = two[1].firm, id = checkNotNull(two[1].id))
                sdk.stopWorker()
                // Nothing that was acknowledged comes again, when another process asks.
                val left = sdk.host().nextEvents(limit = 100, waitMs = 0)
                assertTrue(left.none { event -> two.any { it.id == event.id } }, "$left")
            }
        }
        assertEquals(2, made(url)[1])
    }

    @Test
    fun `a coroutine that waits for events is cancelled at once`(@TempDir folder: Path): Unit =
        Sdk.open(config("us", folder)).use { sdk ->
            runBlocking {
                val job = launch { sdk.events().first() }
                delay(200)
                withTimeout(EVENTS_WAIT_MS * 2 / 3) { job.cancelAndJoin() }
            }
        }

    /** Gives events in batches, one of which takes longer than its lease. */
    private class Batches {
        private val batches = ArrayDeque(listOf(listOf("1", "2", "3"), listOf("4")))
        var now = 0L
        val given = mutableListOf<String?>()
        val acknowledged = mutableListOf<String>()

        fun next() = batches.removeFirst().map { OutboxEvent(firm = "firm_1", id = it, event = EventBody.ReconnectRequired) }

        /** Whether it was the last one. */
        fun takesLong(event: OutboxEvent): Boolean {
            given += event.id
            now += 30_000_000_000
            return event.id == "4"
        }

        /** The lease of the third ended a minute after it was asked for. */
        fun check() {
            assertEquals(listOf("1", "2", "4"), given)
            assertEquals(listOf("1", "2"), acknowledged)
        }
    }

    @Test
    fun `no event flows once another process may have it`(): Unit = runBlocking {
        val batches = Batches()
        eventFlow({ batches.now }, { _, id -> batches.acknowledged += id }) { batches.next() }.first(batches::takesLong)
        batches.check()
    }

    @Test
    fun `no event is given to a thread once another process may have it`() {
        val batches = Batches()
        val events = eventIterator({ batches.now }, { _, id -> batches.acknowledged += id }) { batches.next() }
        Iterable { events }.first(batches::takesLong)
        batches.check()
    }

    @Test
    fun `events are an Iterable for threads`(@TempDir folder: Path): Unit = simulated { url ->
        connected(url, folder) { sdk ->
            sdk.startWorker(concurrency = 2, perFirm = 1, poll = POLL)
            sdk.firm(ADMIN).matters.trigger("mat_0001", Trigger.APPROVED)
            val event = sdk.events(firm = "firm_1").first(::isFinished)
            assertEquals("firm_1", event.firm)
            sdk.stopWorker()
            sdk.stopWorker()
        }
    }

    @Test
    fun `an interrupt ends a thread that waits for events`(@TempDir folder: Path): Unit =
        BlockingSdk.open(config("us", folder)).use { sdk ->
            val ended = CompletableFuture<Pair<String, Boolean>>()
            val listener = thread {
                val code = thrown<HostException> { sdk.events().forEach { _ -> } }.code
                ended.complete(code to Thread.currentThread().isInterrupted)
            }
            Thread.sleep(300)
            listener.interrupt()
            assertEquals(Code.CANCELLED to true, ended.get(60, TimeUnit.SECONDS))
        }

    @Test
    fun `a status comes back by a webhook`(@TempDir folder: Path): Unit = simulated(""","http_webhooks":true""") { url ->
        lateinit var opened: BlockingSdk
        // A server as a host has it: below its URL Clio delivers.
        val server = HttpServer.create(InetSocketAddress("127.0.0.1", 0), 0)
        server.executor = Executors.newCachedThreadPool()
        server.createContext("/hooks") { exchange ->
            val token = exchange.requestURI.path.substringAfterLast('/')
            val reply = opened.handleWebhook(token, exchange.requestHeaders, exchange.requestBody.readAllBytes())
            reply.headers.forEach { (name, value) -> exchange.responseHeaders.add(name, value) }
            exchange.sendResponseHeaders(reply.status, -1)
            exchange.close()
        }
        server.start()
        try {
            val hook = "http://127.0.0.1:${server.address.port}/hooks"
            BlockingSdk.open(config(url, folder).copy(webhookUrl = hook)).use { sdk ->
                opened = sdk
                connect(sdk)
                sdk.startWorker(poll = POLL)
                val firm = sdk.firm(ADMIN)
                until({ firm.connection.health().webhooks }) { it?.delivers == true }
                firm.matters.sync("mat_0001")
                val matter = checkNotNull(firm.matters.state("mat_0001").clioMatter)
                simulate(url, "edit", """{"resource":"matters","id":$matter,"data":{"status":"closed"}}""")
                until({ firm.matters.state("mat_0001").clioStatus }) { it?.status.equals("closed", ignoreCase = true) }
                val refused = sdk.handleWebhook("nobody", mapOf("x-hook-signature" to listOf("wrong")), ByteArray(2))
                assertEquals(404 to emptyList<Pair<String, String>>(), refused.status to refused.headers)
                assertTrue(holds(url).required("webhooks").jsonArray.all { "url" in it.jsonObject })
            }
        } finally {
            server.stop(0)
            (server.executor as java.util.concurrent.ExecutorService).shutdown()
        }
    }
}
