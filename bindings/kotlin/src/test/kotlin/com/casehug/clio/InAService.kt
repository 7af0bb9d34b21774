package com.casehug.clio

import com.casehug.clio.types.EventBody
import com.casehug.clio.types.Trigger
import java.nio.file.Path

/** The README's "In a service", between what it takes for granted; a test compares the two. */
suspend fun main(arguments: Array<String>) {
    val (url, folder) = arguments
    val actor = ADMIN
    Sdk.open(config(url, Path.of(folder))).use { sdk ->
        connect(sdk.blocking())
        // The README's, from here.
        sdk.startWorker() // carries out what is triggered and due
        sdk.firm(actor).matters.trigger(matter = "mat_0002", trigger = Trigger.APPROVED)
        sdk.events().collect { event ->
            when (val body = event.event) {
                is EventBody.RunFinished -> println("${body.matter} ${body.status}")
                else -> Unit
            }
        }
    }
}
