package com.casehug.clio.bench

import com.casehug.clio.types.RunStatus
import java.nio.file.Files
import java.nio.file.Path

/** The most memory that this process had, in KiB. */
private fun most(): Long = Files.readAllLines(Path.of("/proc/self/status")).first { it.startsWith("VmHWM") }
    .filter(Char::isDigit).toLong()

/**
 * `Large CLIO MEBIBYTES DATABASE`: sends a document of that size, which is made as it is read, and
 * prints how many KiB of memory that took more than a small one. Java's heap is all there from the
 * beginning (`-Xms`, `-XX:+AlwaysPreTouch`): what is measured is outside of it.
 */
public fun main(arguments: Array<String>) {
    val (url, mebibytes, database) = arguments
    val intakes = Made(1000)
    opened(url, database, intakes).use { sdk ->
        val matters = sdk.firm(ADMIN).matters
        // A small one first: what any upload needs is not what a large one needs.
        check(matters.sync("mat_1").status == RunStatus.SUCCEEDED)
        val before = most()
        intakes.length = mebibytes.toLong() shl 20
        check(matters.sync("mat_2").status == RunStatus.SUCCEEDED)
        println(most() - before)
    }
}
