package com.casehug.clio

import java.nio.file.Path
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** How long an SDK lives: until it is closed, or the program ends. */
class LifetimeTest {
    @Test
    fun `an SDK that nobody holds works on and the program ends`(@TempDir folder: Path): Unit = simulated { url ->
        val out = folder.resolve("out.txt").toFile()
        val command = java("-Droot=$ROOT", "-Dprograms=$PROGRAMS", "com.casehug.clio.UnheldKt", url, folder.toString())
        val ran = ProcessBuilder(command).redirectErrorStream(true).redirectOutput(out).start()
        try {
            assertTrue(ran.waitFor(200, TimeUnit.SECONDS), out.readText())
            assertEquals(0 to "synced\n", ran.exitValue() to out.readText())
        } finally {
            ran.destroyForcibly()
        }
    }
}
