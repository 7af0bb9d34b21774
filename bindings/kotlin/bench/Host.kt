package com.casehug.clio.bench

import com.casehug.clio.Actor
import com.casehug.clio.BlockingSdk
import com.casehug.clio.Config
import com.casehug.clio.Role
import com.casehug.clio.ports.Document
import com.casehug.clio.ports.DocumentStat
import com.casehug.clio.ports.Intakes
import com.casehug.clio.ports.Log
import com.casehug.clio.ports.LogLevel
import java.io.InputStream
import java.net.HttpURLConnection
import java.net.URI
import java.time.Duration

internal val ADMIN = Actor("usr_1", "firm_1", Role.ADMIN)

/** So many bytes, never held whole. */
private class Zeros(private var left: Long) : InputStream() {
    override fun read(): Int = if (left == 0L) -1 else 0.also { left -= 1 }

    override fun read(into: ByteArray, at: Int, most: Int): Int {
        if (left == 0L) {
            return -1
        }
        val count = minOf(most.toLong(), left).toInt()
        left -= count
        into.fill(0, at, at + count)
        return count
    }
}

/** A client of its own for each matter, and one document, made as it is read. */
internal class Made(@Volatile var length: Long) : Intakes {
    override fun load(firm: String, matter: String): String =
        """{"matter":{"id":"$matter","title":"Doe v. Roe $matter","case_type":"family_law"},
            "client":{"id":"c-$matter","first_name":"Ana","last_name":"Doe $matter","email":"$matter@$matter.test"},
            "documents":[{"id":"d0","file_name":"d0.pdf","content_type":"application/pdf","status":"approved",
            "origin":"client_upload"}]}"""

    override fun stat(document: Document): DocumentStat = DocumentStat(length, "1", "approved", "client_upload")

    override fun open(document: Document, offset: Long): InputStream = Zeros(length - offset)
}

/** Takes no line below warnings, as Python's logging takes none unless told to. */
private object Grave : Log {
    override fun line(level: LogLevel, target: String, message: String): Unit = System.err.println("$level $message")

    override fun level(): LogLevel = LogLevel.WARNING
}

/** An SDK whose firm is connected to a Clio that was started elsewhere. */
internal fun opened(url: String, database: String, intakes: Intakes): BlockingSdk {
    val config = Config(
        clientId = "casehug-dev",
        clientSecret = "casehug-dev-secret",
        clio = url,
        database = "sqlite:$database",
        intakes = intakes,
        sealingKey = "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248",
        sealingKeyId = "k1",
        requestTimeout = Duration.ofMinutes(2),
        log = Grave,
    )
    val sdk = BlockingSdk.open(config)
    val connection = sdk.firm(ADMIN).connection
    val page = URI(connection.begin("http://127.0.0.1:9/callback").authorizeUrl).toURL().openConnection() as HttpURLConnection
    page.instanceFollowRedirects = false
    connection.finish(page.getHeaderField("location").substringAfter('?'))
    return sdk
}
