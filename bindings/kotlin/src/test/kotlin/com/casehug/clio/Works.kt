package com.casehug.clio

import com.casehug.clio.examples.PostgresStore
import com.casehug.clio.examples.SqliteStore
import java.nio.file.Path
import java.time.Duration

/** `Works CLIO FOLDER DATABASE`: a worker beside others, until its input ends. */
public fun main(arguments: Array<String>) {
    val (url, folder, database) = arguments
    BlockingSdk.open(shared(url, Path.of(folder), database)).use { sdk ->
        sdk.startWorker(concurrency = 6, perFirm = 6, poll = Duration.ofMillis(50))
        println("works")
        System.`in`.readAllBytes()
    }
}

/** What each process is opened with; behind `jdbc:` the database is of a store in Kotlin. */
internal fun shared(url: String, folder: Path, database: String): Config {
    val all = config(url, folder).copy(intakeFolder = folder.resolve("intake").toString())
    val place = database.removePrefix("jdbc:")
    return when {
        place == database -> all.copy(database = database)
        place.startsWith("sqlite:") -> all.copy(database = null, store = SqliteStore(place.removePrefix("sqlite:")))
        else -> all.copy(database = null, store = PostgresStore(source(place)))
    }
}
