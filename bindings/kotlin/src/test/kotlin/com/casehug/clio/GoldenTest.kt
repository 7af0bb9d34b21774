package com.casehug.clio

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Timeout
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

/** The golden scenarios (tests/golden), through both faces. */
class GoldenTest {
    @ParameterizedTest
    @ValueSource(strings = ["blocking", "suspended"])
    @Timeout(280)
    fun `golden scenarios`(face: String) {
        val java = java(
            "-Droot=$ROOT", "-Dprograms=$PROGRAMS", "com.casehug.clio.GoldenAgentKt", face,
        )
        val golden = ProcessBuilder(listOf(PROGRAMS.resolve("golden").toString()) + java).redirectErrorStream(true).start()
        val told = golden.inputReader().readText()
        assertEquals(0, golden.waitFor(), told)
    }
}

/** A command that runs a program of these tests. */
internal fun java(vararg arguments: String): List<String> = listOf(
    ProcessHandle.current().info().command().orElse("java"),
    "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx128m",
    "-cp", System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
) + arguments
