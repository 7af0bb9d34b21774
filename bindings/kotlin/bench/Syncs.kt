package com.casehug.clio.bench

import com.casehug.clio.types.RunStatus
import com.sun.management.OperatingSystemMXBean
import java.lang.management.ManagementFactory
import java.nio.file.Files
import java.util.concurrent.Executors

private fun processor(): Long = (ManagementFactory.getOperatingSystemMXBean() as OperatingSystemMXBean).processCpuTime

/**
 * `Syncs CLIO MATTERS AT_ONCE`: so many syncs of new clients with a document of 10,000 bytes on
 * SQLite, as JSON: how many a second, and the processor time of each, Java's compilers included.
 */
public fun main(arguments: Array<String>) {
    val (url, matters, atOnce) = arguments
    val count = matters.toInt()
    val folder = Files.createTempDirectory("syncs")
    val pool = Executors.newFixedThreadPool(atOnce.toInt())
    opened(url, folder.resolve("sync.db").toString(), Made(10_000)).use { sdk ->
        val operations = sdk.firm(ADMIN).matters
        fun sync(numbers: IntRange) = numbers
            .map { pool.submit { check(operations.sync("m$it").status == RunStatus.SUCCEEDED) } }.forEach { it.get() }
        // The first ones warm up.
        sync(count until count + count / 10)
        val (began, before) = System.nanoTime() to processor()
        sync(0 until count)
        val (seconds, used) = (System.nanoTime() - began) / 1e9 to (processor() - before) / 1e6
        println("""{"per_second":${count / seconds},"processor_ms":${used / count}}""")
    }
    pool.shutdown()
    folder.toFile().deleteRecursively()
}
