package com.casehug.clio

import com.casehug.clio.examples.listen
import com.casehug.clio.examples.statuses
import com.casehug.clio.types.ClioId
import com.casehug.clio.types.EventBody
import com.casehug.clio.types.MatterStatus
import com.casehug.clio.types.OutboxEvent
import java.io.InputStream
import java.net.ServerSocket
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers
import java.nio.file.Files
import java.nio.file.Path
import java.time.Instant
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

private val ASKS_ADMIN = arrayOf("user", "usr_1", "firm", "firm_1", "role", "admin")
private val ASKS_MEMBER = arrayOf("user", "usr_2", "firm", "firm_1", "role", "member")
private val OTHER_ADMIN = arrayOf("user", "usr_1", "firm", "firm_2", "role", "admin")
private val OTHER_MEMBER = arrayOf("user", "usr_2", "firm", "firm_2", "role", "member")

/** The Ktor service on a real server, against the simulated Clio. */
class ExamplesTest {
    @Test
    fun `a service connects, syncs and hears of changes`(@TempDir folder: Path): Unit =
        simulated(""","http_webhooks":true""") { url -> serving(url, folder) { here -> uses(url, here) } }

    @Test
    fun `a firm does not reach another firm's matter`(@TempDir folder: Path): Unit = simulated { url ->
        serving(url, folder) { here ->
            fun stands(who: Array<String>): String = matter(here, who).required("sync").text()
            fun approve(who: Array<String>): Int = post("$here/matters/mat_0001/approve", "", *who).statusCode()
            connect(here, OTHER_ADMIN)
            assertEquals(202, approve(OTHER_MEMBER))
            until({ stands(OTHER_MEMBER) }) { it == "failed" }
            assertEquals(listOf(0, 0, 0), made(url))
            // Its own firm's Clio gets it.
            connect(here, ASKS_ADMIN)
            assertEquals(202, approve(ASKS_MEMBER))
            until({ stands(ASKS_MEMBER) }) { it == "synced" }
            assertEquals(listOf(1, 1), made(url).take(2))
            assertEquals("failed", stands(OTHER_MEMBER))
        }
    }

    @Test
    fun `what nobody should send is refused`(@TempDir folder: Path): Unit = simulated { url ->
        serving(url, folder) { here ->
            for (who in listOf(arrayOf(), arrayOf("user", "usr_2", "firm", "firm_1", "role", "host"))) {
                assertEquals(401, get("$here/matters/mat_0001", *who).statusCode())
            }
            // Twice what it has.
            val large = HttpRequest.newBuilder(URI("$here/clio/hooks/t"))
                .POST(BodyPublishers.ofInputStream { Zeros(256L * 1024 * 1024) })
            assertEquals(413, HttpClient.newHttpClient().send(large.build(), BodyHandlers.discarding()).statusCode())
            assertEquals("not_synced", matter(here, ASKS_MEMBER).required("sync").text())
        }
    }

    /** So many bytes. */
    private class Zeros(private var left: Long) : InputStream() {
        override fun read(): Int = if (left-- > 0) 0 else -1

        override fun read(into: ByteArray, offset: Int, length: Int): Int {
            if (left <= 0) return -1
            val taken = minOf(left, length.toLong()).toInt()
            left -= taken
            return taken
        }
    }

    private fun serving(url: String, folder: Path, uses: (String) -> Unit) {
        val port = ServerSocket(0).use { it.localPort }
        val here = "http://127.0.0.1:$port"
        val intakes = folder.resolve("intakes")
        INTAKES.toFile().copyRecursively(intakes.resolve("firm_1").toFile())
        Files.createDirectory(intakes.resolve("firm_2"))
        val builder = ProcessBuilder(java("com.casehug.clio.examples.ServiceKt"))
        builder.environment() += mapOf(
            "CLIO_CLIENT_ID" to "casehug-dev", "CLIO_CLIENT_SECRET" to "casehug-dev-secret", "CLIO_URL" to url,
            "CLIO_DATABASE" to "sqlite:${folder.resolve("clio.db")}", "CLIO_SEALING_KEY" to KEY,
            "CLIO_INTAKES" to intakes.toString(), "PORT" to "$port", "PUBLIC_URL" to here,
        )
        val log = folder.resolve("service.log").toFile()
        val server = builder.redirectErrorStream(true).redirectOutput(log).start()
        try {
            until({ runCatching { matter(here, ASKS_MEMBER) }.getOrNull() }) { it != null }
            uses(here)
        } catch (failed: Throwable) {
            throw AssertionError(log.readText(), failed)
        } finally {
            server.destroy()
            assertTrue(server.waitFor(120, TimeUnit.SECONDS))
        }
        // Java's own status after SIGTERM, for which the hooks ran.
        assertEquals(143, server.exitValue(), log.readText())
    }

    private fun matter(here: String, who: Array<String>): JsonObject =
        Json.parseToJsonElement(get("$here/matters/mat_0001", *who).body()).jsonObject

    private fun connect(here: String, admin: Array<String>) {
        val page = Json.parseToJsonElement(get("$here/clio/connect", *admin).body()).jsonObject.required("page").text()
        val landed = get("$here/clio/callback?${consent(page)}", *admin)
        assertEquals(302, landed.statusCode(), landed.body())
    }

    @Test
    fun `a service listens on after an error`() {
        var times = 0
        val body = EventBody.MatterStatus(ClioId("7"), "mat_1", MatterStatus.CLOSED, Instant.EPOCH)
        // Fails, gives an event, is timed out, and then ended from outside.
        val events = flow {
            times += 1
            when (times) {
                2 -> emit(OutboxEvent(body, "firm_9", "1"))
                3 -> withTimeout(1) { awaitCancellation() }
                4 -> {
                    currentCoroutineContext().cancel()
                    awaitCancellation()
                }
            }
            error("the database is away")
        }
        runBlocking { launch { listen(1.milliseconds) { events } }.join() }
        assertEquals(MatterStatus.CLOSED to 4, statuses["firm_9" to "mat_1"] to times)
    }

    private fun uses(url: String, here: String) {
        fun matter(): JsonObject = matter(here, ASKS_MEMBER)
        assertEquals("not_synced", matter().required("sync").text())
        assertEquals(422, post("$here/matters/..x/approve", "", *ASKS_MEMBER).statusCode())
        assertEquals(403, get("$here/clio/connect", *ASKS_MEMBER).statusCode())
        connect(here, ASKS_ADMIN)
        assertEquals("""{"accepted":true}""", post("$here/matters/mat_0001/approve", "", *ASKS_MEMBER).body())
        val synced = until(::matter) { it.required("sync").text() == "synced" }
        assertEquals(JsonNull, synced["status"])
        assertEquals(listOf(1, 1), made(url).take(2))
        val number = synced.required("clio").text().substringAfterLast('/')
        until({ holds(url).required("webhooks").jsonArray }) { it.isNotEmpty() }
        simulate(url, "edit", """{"resource":"matters","id":$number,"data":{"status":"closed"}}""")
        // Clio's webhook, a worker's look, an event, and the host's own matter.
        until(::matter) { found -> found["status"].optional { it.text() } == "closed" }
        assertEquals(404, post("$here/clio/hooks/nobody", "{}").statusCode())
    }
}
