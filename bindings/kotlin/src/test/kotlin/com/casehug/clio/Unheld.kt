package com.casehug.clio

import com.casehug.clio.types.Trigger
import java.nio.file.Path

/** Starts a worker that nobody holds, waits for what it does, and ends without closing it. */
public fun main(arguments: Array<String>) {
    val (url, folder) = arguments
    begin(url, Path.of(folder))
    System.gc()
    Thread.sleep(500)
    simulate(url, "faults", "[]")
    until({ made(url) }) { it[1] == 1 }
    println("synced")
}

private fun begin(url: String, folder: Path) {
    val sdk = BlockingSdk.open(config(url, folder))
    connect(sdk)
    // So that nothing is done before the collector ran.
    slow(url, 500)
    sdk.startWorker()
    sdk.firm(ADMIN).matters.trigger("mat_0001", Trigger.APPROVED)
}
