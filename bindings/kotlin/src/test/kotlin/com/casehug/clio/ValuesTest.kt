package com.casehug.clio

import com.casehug.clio.ports.Document
import com.casehug.clio.types.AuditQuery
import com.casehug.clio.types.RunStatus
import java.io.FilterInputStream
import java.io.InputStream
import java.nio.file.Path
import java.security.MessageDigest
import java.time.Duration
import java.time.Instant
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

private val LONGEST = Duration.ofSeconds(Long.MAX_VALUE, 999_999_999)

/** Every byte there is, several times. */
private val BYTES = ByteArray(100_000) { it.toByte() }

/** Values at their ends: each is what was given, or is refused by name, and never another one. */
class ValuesTest {
    @Test
    fun `a time before 1970 is that time`(@TempDir folder: Path): Unit = simulated { url ->
        connected(url, folder) { sdk ->
            val firm = sdk.firm(ADMIN)
            firm.matters.sync("mat_0001")
            val times = listOf("1969-12-31T23:59:59", "1900-01-01T00:00:00", "0005-06-07T08:09:10", "0000-12-31T23:00:00")
            for (told in times) {
                val time = Instant.parse("${told}Z")
                sdk.host().recordStatusChange("firm_1", "mat_0001", time)
                assertEquals("$told.000Z", firm.audit.list(AuditQuery(limit = 1)).items[0].details["at"])
                // Mirrored at 1970, it would be after some entries.
                assertEquals(0, firm.audit.prune(time).entries)
                assertTrue(firm.audit.list(AuditQuery(until = time)).items.isEmpty())
            }
        }
    }

    @Test
    fun `a time that the SDK does not have is refused`(@TempDir folder: Path): Unit = simulated { url ->
        connected(url, folder) { sdk ->
            for (time in listOf(Instant.MIN, Instant.MAX, Instant.parse("+10000-01-01T00:00:00Z"))) {
                val refused = thrown<InputException> { sdk.firm(ADMIN).audit.prune(time) }
                assertEquals(Code.REQUEST_INVALID to "before", refused.code to refused.path, "$time")
            }
        }
    }

    @Test
    fun `a number that no count holds is refused`(@TempDir folder: Path): Unit = simulated { url ->
        connected(url, folder) { sdk ->
            for (number in listOf(-1, Long.MIN_VALUE)) {
                val refused = thrown<InputException> { sdk.firm(ADMIN).audit.export(number, 100) }
                assertEquals(Code.REQUEST_INVALID to "from", refused.code to refused.path)
            }
        }
    }

    @Test
    fun `the longest span is no short one`(@TempDir folder: Path): Unit = simulated { url ->
        val longest = config(url, folder).copy(
            requestTimeout = LONGEST, indexDelay = LONGEST, lateExecutionWindow = LONGEST,
        )
        BlockingSdk.open(longest).use { sdk ->
            connect(sdk)
            sdk.startWorker(poll = LONGEST)
            sdk.stopWorker()
            assertEquals(RunStatus.SUCCEEDED, sdk.firm(ADMIN, timeout = LONGEST).matters.sync("mat_0001").status)
        }
    }

    @Test
    fun `no span is zero`(@TempDir folder: Path): Unit = simulated { url ->
        val wrong = mapOf<String, Config.() -> Config>(
            "late_execution_window" to { copy(lateExecutionWindow = Duration.ZERO) },
            "index_delay" to { copy(indexDelay = Duration.ZERO) },
            "request_timeout" to { copy(requestTimeout = Duration.ZERO) },
        )
        for ((name, set) in wrong) {
            val refused = thrown<InputException> { BlockingSdk.open(config(url, folder).set()).close() }
            assertEquals(Code.SETTING_INVALID to name, refused.code to refused.path)
        }
        connected(url, folder) { sdk ->
            val refused = thrown<InputException> { sdk.startWorker(poll = Duration.ofMillis(9)) }
            assertEquals(Code.SETTING_INVALID to "poll", refused.code to refused.path)
        }
    }

    @Test
    fun `bytes from 128 on are themselves`(@TempDir folder: Path): Unit = simulated { url ->
        // Gives one byte when asked for many, as a stream may.
        val office = object : Office(BYTES) {
            override fun open(document: Document, offset: Long): InputStream =
                object : FilterInputStream(super.open(document, offset)) {
                    override fun read(into: ByteArray, at: Int, most: Int): Int = super.read(into, at, most.coerceAtMost(1))
                }
        }
        BlockingSdk.open(config(url, folder).copy(intakeFolder = null, intakes = office)).use { sdk ->
            connect(sdk)
            assertEquals(RunStatus.SUCCEEDED, sdk.firm(ADMIN).matters.sync("mat_1").status)
            assertEquals(404, sdk.handleWebhook("nobody", mapOf("x-hook-signature" to listOf("é")), BYTES).status)
        }
        val hash = MessageDigest.getInstance("SHA-256").digest(BYTES).joinToString("") { "%02x".format(it) }
        assertEquals(hash, holds(url).required("documents").jsonArray.single().jsonObject.required("sha256").text())
    }
}
