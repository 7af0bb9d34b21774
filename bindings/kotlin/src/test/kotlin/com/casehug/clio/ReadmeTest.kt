package com.casehug.clio

import java.nio.file.Files
import java.nio.file.Path
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

private val HERE = ROOT.resolve("bindings/kotlin")

/** The programs of the README, as they stand there, against the simulated Clio. */
class ReadmeTest {
    private val readme = Files.readString(HERE.resolve("README.md"))

    @Test
    fun `the quickstart syncs once`(@TempDir folder: Path) {
        val quickstart = Files.readString(HERE.resolve("examples/Quickstart.kt"))
        assertTrue("```kotlin\n$quickstart```" in readme, "they differ")
        syncsOnce(folder, "QuickstartKt")
    }

    @Test
    fun `the quickstart in Java syncs once`(@TempDir folder: Path) {
        val program = folder.resolve("Quickstart.java")
        Files.writeString(program, readme.substringAfter("```java\n").substringBefore("```"))
        syncsOnce(folder, program.toString())
    }

    @Test
    fun `the heart of a service syncs and hears of it`(@TempDir folder: Path): Unit = simulated { url ->
        val heart = readme.substringAfter("## In a service").substringAfter("```kotlin\n").substringBefore("```")
        val ours = Files.readString(HERE.resolve("src/test/kotlin/com/casehug/clio/InAService.kt"))
        assertTrue(heart.prependIndent("        ").trimEnd() in ours, "they differ")
        val run = ProcessBuilder(java("-Droot=$ROOT", "-Dprograms=$PROGRAMS", "com.casehug.clio.InAServiceKt", url, folder.toString()))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start()
        try {
            assertEquals("mat_0002 succeeded", run.inputReader().readLine())
        } finally {
            // It listens on for ever.
            run.destroyForcibly().waitFor()
        }
    }

    /** Runs it twice, with a person who allows access when asked. */
    private fun syncsOnce(folder: Path, program: String): Unit = simulated { url ->
        for (calls in listOf("7 calls", "0 calls")) {
            val command = java(program, url, INTAKES.toString(), "mat_0001", folder.resolve("clio.db").toString())
            val run = ProcessBuilder(command).start()
            try {
                val said = StringBuilder()
                run.inputReader().forEachLine { line ->
                    said.appendLine(line)
                    if (line.startsWith("http")) {
                        run.outputWriter().apply {
                            write("$CALLBACK?${consent(line)}\n")
                            flush()
                        }
                    }
                }
                assertEquals(0, run.waitFor(), "$said${run.errorReader().readText()}")
                assertTrue("succeeded: $calls" in said, "$said")
            } finally {
                run.destroyForcibly()
            }
        }
    }
}
