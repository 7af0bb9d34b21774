package com.casehug.clio

import com.casehug.clio.types.Change
import com.casehug.clio.types.ClioAccount
import com.casehug.clio.types.ClioId
import com.casehug.clio.types.ConnectStart
import com.casehug.clio.types.Decision
import com.casehug.clio.types.Direction
import com.casehug.clio.types.EventBody
import com.casehug.clio.types.MappedTo
import com.casehug.clio.types.ProposedContact
import com.casehug.clio.types.RunStatus
import com.casehug.clio.types.SeenMapping
import com.casehug.clio.types.SettingsChange
import com.casehug.clio.types.StepKind
import com.casehug.clio.types.Trigger
import com.casehug.clio.types.json
import com.casehug.clio.types.readEventBody
import com.casehug.clio.types.readSettingsChange
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.ObjectInputStream
import java.io.ObjectOutputStream
import java.nio.file.Path
import java.time.Duration
import java.time.Instant
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Errors: their classes and fields; what is refused; what is not shown. */
class ErrorsTest {
    @Test
    fun `each kind has a class and each code a name`() {
        val errors = API.required("errors").jsonArray.map { it.jsonObject }
        for (error in errors) {
            val thrown = exceptionOfWire(error.toString().replace("\"name\"", "\"code\""))
            assertNotEquals(CasehugClioException::class.java, thrown.javaClass, "$error")
            val name = error.required("name").text()
            assertEquals(name, Code::class.java.getField(name.uppercase()).get(null))
            assertEquals(name to error.required("number").long().toInt(), thrown.code to thrown.number)
        }
        // A kind of a later version.
        assertEquals("later", exceptionOfWire("""{"code":"later","kind":"weather"}""").code)
    }

    private class Case(val name: String, val kind: Class<*>, val code: String, val path: String?, val call: (BlockingSdk) -> Unit)

    private val cases = listOf(
        Case("no matter", InputException::class.java, Code.MATTER_UNKNOWN, null) { it.firm(ADMIN).matters.sync("none") },
        Case("no id", InputException::class.java, Code.REQUEST_INVALID, "matter") { it.firm(ADMIN).matters.sync("../x") },
        Case("NUL", InputException::class.java, Code.REQUEST_INVALID, "matter") { it.firm(ADMIN).matters.sync("a\u0000b") },
        Case("half a letter", InputException::class.java, Code.REQUEST_INVALID, ".") { it.firm(ADMIN).matters.sync("\ud800") },
        Case("half a user", InputException::class.java, Code.ID_INVALID, null) {
            it.firm(Actor("\udc00", "f", Role.ADMIN)).connection.get()
        },
        Case("no admin", NotPermittedException::class.java, Code.NOT_ALLOWED, null) { it.firm(MEMBER).connection.end() },
        Case("no user", InputException::class.java, Code.ID_INVALID, null) {
            it.firm(Actor("", "f", Role.ADMIN)).connection.get()
        },
        Case("a late decision", InputException::class.java, Code.RECORD_UNKNOWN, null) {
            it.firm(ADMIN).reviews.resolve(StepKind.CONTACT, "cli_1", Decision.Link(ClioId("7")))
        },
        Case("a misspelt word", InputException::class.java, Code.REQUEST_INVALID, "trigger") {
            it.firm(ADMIN).matters.trigger("mat_1", Trigger.of("later"))
        },
        Case("no such operation", InputException::class.java, Code.REQUEST_INVALID, null) { it.call(ADMIN, "fly", "{}") },
        Case("no JSON", InputException::class.java, Code.REQUEST_INVALID, ".") { it.call(ADMIN, "sync_matter", "{") },
    )

    @Test
    fun `an error is found by its class and its fields`(@TempDir folder: Path): Unit = simulated { url ->
        connected(url, folder) { sdk ->
            for (case in cases) {
                val error = thrown<CasehugClioException> { case.call(sdk) }
                assertEquals(listOf(case.kind, case.code), listOf(error.javaClass, error.code), case.name)
                assertTrue(error.number > 0 && error.advice.isNotEmpty() && case.code in error.message, case.name)
                case.path?.let { assertEquals(it, error.path, case.name) }
            }
        }
    }

    @Test
    fun `an error survives serialization and coroutines`() {
        val wire = """{"code":"clio_rate_limited","kind":"rate_limit","number":4001,"retry":"retry_after",""" +
            """"retry_after_ms":1500,"context":{"firm":"f"}}"""
        val error = exceptionOfWire(wire)
        val bytes = ByteArrayOutputStream().also { ObjectOutputStream(it).use { out -> out.writeObject(error) } }
        val again = ObjectInputStream(ByteArrayInputStream(bytes.toByteArray())).use { it.readObject() } as RateLimitException
        assertEquals(listOf(1500L, Retry.RETRY_AFTER, mapOf("firm" to "f")), listOf(again.retryAfterMs, again.retry, again.context))
        assertSame(Retry.RETRY_AFTER, again.retry)
        val copy = thrown<RateLimitException> {
            runBlocking { kotlinx.coroutines.withContext(kotlinx.coroutines.Dispatchers.Default) { throw error } }
        }
        assertEquals(wire, copy.toJson())
    }

    @Test
    fun `a closed SDK says so`(@TempDir folder: Path) {
        val sdk = BlockingSdk.open(config("us", folder))
        sdk.close()
        sdk.close()
        val calls = listOf<() -> Unit>(
            { sdk.firm(ADMIN).connection.get() },
            { runBlocking { sdk.suspending().firm(ADMIN).connection.get() } },
            { sdk.startWorker() },
            { sdk.stopWorker() },
            { sdk.handleWebhook("t", emptyMap(), ByteArray(0)) },
        )
        calls.forEach { assertEquals("closed", thrown<InputException>(it).context["reason"]) }
    }

    @Test
    fun `a wrong configuration names the argument`(@TempDir folder: Path) {
        val plain = config("us", folder)
        val wrong = listOf(
            "store" to plain.copy(database = null),
            "sealing_key" to plain.copy(sealingKey = null),
            "sealing_key_id" to plain.copy(sealingKeyId = null),
            "earlier_sealing_keys" to plain.copy(earlierSealingKeys = mapOf("k0" to "0123")),
            "intake_folder" to plain.copy(intakeFolder = null),
            "intake_folder" to plain.copy(intakeFolder = "intakes/x-{firm}"),
            "clio" to plain.copy(clio = "mars"),
            "webhook_url" to plain.copy(webhookUrl = "http://example.com/hooks"),
        )
        for ((argument, config) in wrong) {
            val refused = thrown<InputException> { BlockingSdk.open(config) }
            assertTrue(argument in setOf(refused.path, refused.context["field"]), refused.toJson())
        }
    }

    @Test
    fun `a negative span or number is refused`(@TempDir folder: Path) {
        val back = Duration.ofMillis(-1)
        thrown<IllegalArgumentException> { BlockingSdk.open(config("us", folder).copy(requestTimeout = back)) }
        BlockingSdk.open(config("us", folder)).use { sdk ->
            thrown<IllegalArgumentException> { sdk.startWorker(poll = back) }
            thrown<IllegalArgumentException> { sdk.startWorker(concurrency = 0) }
            thrown<IllegalArgumentException> { sdk.startWorker(perFirm = -1) }
        }
    }

    @Test
    fun `secrets and clients are not shown`(@TempDir folder: Path) {
        val now = Instant.EPOCH
        val one = ClioId("1")
        val shown = listOf(
            config("us", folder).copy(proxy = "http://user:hunter2@localhost:1"),
            config("us", folder).copy(earlierSealingKeys = mapOf("k0" to "hunter2")),
            ConnectStart(authorizeUrl = "https://hunter2", expiresAt = now),
            ClioAccount(id = one, name = "Byron & Lovelace"),
            ProposedContact(
                accepted = false, client = "cli_1", clio = one, direction = Direction.TO_CLIO, emails = listOf("ada@example.com"),
                firstName = "Ada", id = "p", lastName = "Byron", phones = listOf("+1 555"), since = now,
            ),
            SeenMapping(by = null, caseType = "Ada's hawks", own = false, seenAt = now, to = MappedTo.NOTHING),
            reply(Json.parseToJsonElement("""{"status":200,"headers":[{"name":"x-hook-secret","value":"hunter2"}]}""")),
        ).joinToString()
        for (secret in listOf("casehug-dev-secret", "6f1c3a0e", "hunter2", "Byron", "Ada", "example.com", "555")) {
            assertFalse(secret in shown, "$secret in $shown")
        }
        assertTrue("cli_1" in shown && "status=200" in shown)
    }

    @Test
    fun `words and events of a later version are kept`() {
        val wire = Json.parseToJsonElement("""{"type":"comet_seen","at":"x"}""")
        val event = readEventBody(wire)
        assertEquals(wire, (event as EventBody.Unknown).json())
        assertEquals("later", RunStatus.of("later").value)
        assertSame(RunStatus.SUCCEEDED, RunStatus.of("succeeded"))
    }

    @Test
    fun `what is left out and what is cleared differ`() {
        fun json(change: Change<ClioId>?) = SettingsChange(revision = 1, fallbackArea = change).json()
        assertEquals("""{"revision":1}""", json(null).toString())
        for (change in listOf(Change.clear(), Change.to(ClioId("7")))) {
            assertEquals(change, readSettingsChange(json(change)).fallbackArea)
        }
        assertEquals("""{"fallback_area":null,"revision":1}""", json(Change.clear()).toString())
    }

    @Test
    fun `a library of another build is refused`() {
        val refused = thrown<LoadException> { Library.check("0.0.9", "0".repeat(64)) }
        assertTrue("0.0.9" in refused.message.orEmpty() && VERSION in refused.message.orEmpty(), refused.message)
        thrown<LoadException> { Library.check(VERSION, "0".repeat(64)) }
        Library.load()
        // What is told to UniFFI is no setting of the process.
        assertNull(System.getProperty("uniffi.component.casehug_clio_uniffi.libraryOverride"))
        assertEquals(VERSION to DIGEST, Library.found("casehug_clio_uniffi"))
        // A library, but none of ours.
        val other = thrown<LoadException> { Library.found("m") }
        assertTrue("none of the SDK's" in other.message.orEmpty(), other.message)
    }

    @Test
    fun `a library on the system's path is not taken for the jar's`(@TempDir folder: Path) {
        // A library, of the same name, that is none of ours.
        val other = Path.of(com.sun.jna.NativeLibrary.getInstance("m").file.path).toRealPath()
        java.nio.file.Files.copy(other, folder.resolve("libcasehug_clio_uniffi.so"))
        val builder = ProcessBuilder(java("com.casehug.clio.ErrorsTestKt")).redirectErrorStream(true)
        builder.environment()["LD_LIBRARY_PATH"] = folder.toString()
        val child = builder.start()
        val said = child.inputReader().readText()
        assertTrue("InputException" in said && "LoadException" !in said, said)
    }

    @Test
    fun `without a library the platforms are named`() {
        val program = java("-Duniffi.component.casehug_clio_uniffi.libraryOverride=nowhere", "com.casehug.clio.ErrorsTestKt")
        val child = ProcessBuilder(program).redirectErrorStream(true).start()
        val said = child.inputReader().readText()
        assertTrue("LoadException" in said && "Linux on x86_64 with glibc 2.28" in said && "linux-x86-64" in said, said)
        // Asked again it says the same, not that a class is missing.
        assertEquals(2, said.split("LoadException: casehug-clio $VERSION").size - 1, said)
    }
}

/** Opens, twice. */
fun main() {
    repeat(2) {
        try {
            BlockingSdk.open(Config("a", "b", "us"))
        } catch (refused: RuntimeException) {
            println(refused)
        }
    }
}
