package com.casehug.clio

import com.casehug.clio.types.Trigger
import java.nio.file.Path
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

private const val MATTERS = 24
private val FIRMS = List(4) { Actor("usr_1", "firm_$it", Role.ADMIN) }

/** Several processes on one database. */
class ProcessesTest {
    @ParameterizedTest
    @ValueSource(strings = ["sqlite", "jdbc:sqlite", "postgres", "jdbc:postgres"])
    fun `two share the work and one that is killed leaves no duplicate`(kind: String, @TempDir folder: Path): Unit =
        simulated { url ->
            if (kind.endsWith("sqlite")) {
                shares(url, folder, "$kind:${folder.resolve("shared.db")}")
            } else {
                program("postgres-for-tests") { place ->
                    assertTrue(place.isNotEmpty(), "PostgreSQL is missing: apt-get install postgresql")
                    shares(url, folder, kind.removeSuffix("postgres") + place)
                }
            }
        }

    private fun shares(url: String, folder: Path, database: String) {
        writeIntakes(folder.resolve("intake"), MATTERS)
        BlockingSdk.open(shared(url, folder, database)).use { sdk ->
            FIRMS.forEach { connect(sdk, it) }
            fun trigger(numbers: IntRange) = numbers.forEach {
                sdk.firm(FIRMS[it % FIRMS.size]).matters.trigger("mat_$it", Trigger.APPROVED)
            }
            trigger(0 until MATTERS / 2)
            // So that it is killed while it works.
            slow(url, 500)
            val first = works(url, folder, database)
            val second = works(url, folder, database)
            try {
                until({ made(url) }) { it[1] > 0 }
                trigger(MATTERS / 2 until MATTERS)
                first.destroyForcibly().waitFor()
                simulate(url, "faults", "[]")
                until({ made(url) }) { it[2] >= MATTERS }
                // Whatever is sent twice would come now.
                Thread.sleep(3_000)
                assertEquals(List(3) { MATTERS }, made(url))
                second.outputStream.close()
                assertEquals(0, second.waitFor())
            } finally {
                listOf(first, second).forEach { it.destroyForcibly() }
            }
        }
    }

    private fun works(url: String, folder: Path, database: String): Process {
        val command = java("-Droot=$ROOT", "-Dprograms=$PROGRAMS", "com.casehug.clio.WorksKt", url, folder.toString(), database)
        val process = ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start()
        assertEquals("works", process.inputReader().readLine())
        return process
    }
}
