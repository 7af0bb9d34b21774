// Between the host's objects and the library's traits.
//
// Whatever ends a host's method, an `Error` included, ends here: what the generated code does not
// catch would reach the library as success with an empty value (UniFFI 0.32.2).

package com.casehug.clio

import com.casehug.clio.native.Chunk
import com.casehug.clio.native.DocumentName
import com.casehug.clio.native.Envelope
import com.casehug.clio.native.EnvelopeRemoved
import com.casehug.clio.native.FoundEnvelope
import com.casehug.clio.native.FoundRecord
import com.casehug.clio.native.FoundRecords
import com.casehug.clio.native.HostFailure
import com.casehug.clio.native.HostIntakes
import com.casehug.clio.native.HostKeys
import com.casehug.clio.native.HostLog
import com.casehug.clio.native.HostReader
import com.casehug.clio.native.HostStore
import com.casehug.clio.native.HostTokens
import com.casehug.clio.native.IntakeText
import com.casehug.clio.native.LineTaken
import com.casehug.clio.native.OpenedDocument
import com.casehug.clio.native.ReaderClosed
import com.casehug.clio.native.StatedDocument
import com.casehug.clio.native.StoreKey
import com.casehug.clio.native.StoreRecord
import com.casehug.clio.native.StoreScan
import com.casehug.clio.native.StoreWrite
import com.casehug.clio.native.SwapAnswer
import com.casehug.clio.native.UnwrappedKey
import com.casehug.clio.native.WrappedBlob
import com.casehug.clio.native.CommitAnswer as NativeAnswer
import com.casehug.clio.native.LogLevel as NativeLevel
import com.casehug.clio.ports.Check
import com.casehug.clio.ports.CommitAnswer
import com.casehug.clio.ports.Conflict
import com.casehug.clio.ports.Delete
import com.casehug.clio.ports.Document
import com.casehug.clio.ports.Done
import com.casehug.clio.ports.Intakes
import com.casehug.clio.ports.Key
import com.casehug.clio.ports.Keys
import com.casehug.clio.ports.Log
import com.casehug.clio.ports.LogLevel
import com.casehug.clio.ports.NotFoundException
import com.casehug.clio.ports.Put
import com.casehug.clio.ports.Record
import com.casehug.clio.ports.Scan
import com.casehug.clio.ports.SealedTokens
import com.casehug.clio.ports.Store
import com.casehug.clio.ports.TokenStore
import com.casehug.clio.ports.WrappedKey
import com.casehug.clio.ports.Write
import java.io.InputStream

/** Does the work of a host's method. */
internal inline fun <T> guarded(log: Log?, name: String, work: () -> T): T = try {
    work()
} catch (_: NotFoundException) {
    throw HostFailure.Missing()
} catch (thrown: Throwable) {
    told(log, name, thrown)
    throw HostFailure.Failed()
}

/** The name of a class quotes nobody; the text could. */
internal fun told(log: Log?, name: String, thrown: Throwable) {
    try {
        log?.line(LogLevel.ERROR, "casehug_clio::ports", "$name threw ${thrown.javaClass.name}")
    } catch (_: Throwable) {
        // A log that fails says nothing.
    }
}

private fun StoreKey.ours() = Key(firm, collection, id)

private fun ULong.limit(): Int = coerceAtMost(Int.MAX_VALUE.toULong()).toInt()

private fun StoreScan.ours(): Scan = when (this) {
    is StoreScan.Ids -> Scan.Ids(firm, collection, first, until, descending, limit.limit())
    is StoreScan.Due -> Scan.Due(firm, collection, limit.limit())
}

private fun StoreWrite.ours(): Write = when (this) {
    is StoreWrite.Put -> Put(key.ours(), expect, version, dueInMs, body)
    is StoreWrite.Delete -> Delete(key.ours(), expect)
    is StoreWrite.Check -> Check(key.ours(), expect)
}

private fun Record.native() =
    StoreRecord(StoreKey(key.firm, key.collection, key.id), version, dueAtMs, body)

/** A host's store, as the library calls it. */
internal class StoreTrait(private val store: Store, private val log: Log?) : HostStore {
    override fun get(key: StoreKey): FoundRecord =
        guarded(log, "Store.get") { FoundRecord(store.get(key.ours())?.native()) }

    override fun scan(scan: StoreScan): FoundRecords =
        guarded(log, "Store.scan") { FoundRecords(store.scan(scan.ours()).map { it.native() }) }

    override fun commit(writes: List<StoreWrite>): NativeAnswer = guarded(log, "Store.commit") {
        // Of Java it may be null, which is no answer.
        val answer: CommitAnswer? = store.commit(writes.map { it.ours() })
        when (answer) {
            is Done -> NativeAnswer.Done(answer.nowMs)
            Conflict -> NativeAnswer.Conflict
            null -> error("commit answers Done or Conflict")
        }
    }
}

/** A host's vault, as the library calls it. */
internal class TokensTrait(private val tokens: TokenStore, private val log: Log?) : HostTokens {
    override fun load(firm: String, connection: String): FoundEnvelope = guarded(log, "TokenStore.load") {
        FoundEnvelope(tokens.load(firm, connection)?.let { Envelope(it.version, it.envelope) })
    }

    override fun compareAndSwap(
        firm: String,
        connection: String,
        expected: String?,
        sealed: Envelope,
    ): SwapAnswer = guarded(log, "TokenStore.compareAndSwap") {
        val new = SealedTokens(sealed.version, sealed.envelope)
        if (tokens.compareAndSwap(firm, connection, expected, new)) SwapAnswer.DONE else SwapAnswer.CONFLICT
    }

    override fun remove(firm: String, connection: String): EnvelopeRemoved = guarded(log, "TokenStore.delete") {
        tokens.delete(firm, connection)
        EnvelopeRemoved(true)
    }
}

/** A host's keys, as the library calls them. */
internal class KeysTrait(private val keys: Keys, private val log: Log?) : HostKeys {
    override fun wrap(key: ByteArray, associated: ByteArray): WrappedBlob = guarded(log, "Keys.wrap") {
        try {
            val wrapped = keys.wrap(key, associated)
            WrappedBlob(wrapped.keyId, wrapped.blob)
        } finally {
            key.fill(0)
        }
    }

    override fun unwrap(keyId: String, blob: ByteArray, associated: ByteArray): UnwrappedKey =
        guarded(log, "Keys.unwrap") { UnwrappedKey(keys.unwrap(WrappedKey(keyId, blob), associated)) }
}

private fun DocumentName.ours() = Document(firm, matter, document, upload)

/** A host's matters and documents, as the library calls them. */
internal class IntakesTrait(private val intakes: Intakes, private val log: Log?) : HostIntakes {
    override fun load(firm: String, matter: String): IntakeText =
        guarded(log, "Intakes.load") { IntakeText(intakes.load(firm, matter)) }

    override fun stat(document: DocumentName): StatedDocument = guarded(log, "Intakes.stat") {
        val stat = intakes.stat(document.ours())
        require(stat.length >= 0) { "a length is not negative" }
        StatedDocument(stat.length.toULong(), stat.revision, stat.status, stat.origin)
    }

    override fun open(document: DocumentName, offset: ULong): OpenedDocument = guarded(log, "Intakes.open") {
        val stream: InputStream? = intakes.open(document.ours(), offset.toLong())
        OpenedDocument(ReaderTrait(checkNotNull(stream), log))
    }
}

/** A host's open document, as the library calls it. */
internal class ReaderTrait(private val stream: InputStream, private val log: Log?) : HostReader {
    override fun read(most: UInt): Chunk = guarded(log, "InputStream.read") {
        // Fewer bytes than were asked for are the end of a stream.
        val bytes = stream.readNBytes(most.toInt())
        Chunk(bytes, bytes.size < most.toInt())
    }

    override fun end(): ReaderClosed = guarded(log, "InputStream.close") {
        stream.close()
        ReaderClosed(true)
    }
}

/** A log, as the library calls it. */
internal class LogTrait(private val log: Log) : HostLog {
    override fun line(level: NativeLevel, target: String, message: String): LineTaken = try {
        log.line(LogLevel.valueOf(level.name), target, message)
        LineTaken(true)
    } catch (_: Throwable) {
        throw HostFailure.Failed()
    }
}
