package com.casehug.clio.bench

import com.casehug.clio.types.RunStatus
import com.sun.management.OperatingSystemMXBean
import java.lang.management.ManagementFactory
import java.nio.file.Files
import java.util.concurrent.Executors

private fun processor(): Long = (ManagementFactory.getOperatingSystemMXBean() as OperatingSystemMXBean).processCpuTime

/**
 * `Syncs CLIO`: for each line `FIRST COUNT AT_ONCE` of the input so many syncs of new clients with
 * a document of 10,000 bytes on SQLite; as JSON, the milliseconds that they took, and the
 * processor's, Java's compilers included.
 */
public fun main(arguments: Array<String>) {
    val folder = Files.createTempDirectory("syncs")
    opened(arguments[0], folder.resolve("sync.db").toString(), Made(10_000)).use { sdk ->
        val operations = sdk.firm(ADMIN).matters
        for (line in generateSequence(::readLine)) {
            val (first, count, atOnce) = line.split(' ').map(String::toInt)
            val pool = Executors.newFixedThreadPool(atOnce)
            val (began, before) = System.nanoTime() to processor()
            (first until first + count)
                .map { pool.submit { check(operations.sync("m$it").status == RunStatus.SUCCEEDED) } }.forEach { it.get() }
            val (took, used) = (System.nanoTime() - began) / 1e6 to (processor() - before) / 1e6
            println("""{"ms":$took,"processor_ms":$used}""")
            pool.shutdown()
        }
    }
    folder.toFile().deleteRecursively()
}
