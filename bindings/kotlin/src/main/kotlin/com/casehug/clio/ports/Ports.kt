package com.casehug.clio.ports

import java.io.InputStream

/**
 * What [Intakes] throw for a matter or a document that is not there.
 */
public class NotFoundException : RuntimeException("not found")

/** Names a record. Ids are ordered by their bytes in UTF-8. */
public data class Key(val firm: String, val collection: String, val id: String)

/** A record, as it is stored. */
public data class Record(
    val key: Key,
    /** The version of its last [Put]. */
    val version: String,
    /** Given back as it came. */
    val body: String,
    /** When it is due on the store's clock, in milliseconds since 1970; null: never. */
    val dueAtMs: Long?,
) {
    override fun toString(): String = "Record(key=$key, version=$version, dueAtMs=$dueAtMs)"
}

/** Which records are wanted, `limit` at most. */
public sealed interface Scan {
    /** One firm's records with `first <= id < until`, by id. */
    public data class Ids(
        val firm: String,
        val collection: String,
        val first: String,
        /** Null: to the end of the collection. */
        val until: String?,
        val descending: Boolean,
        val limit: Int,
    ) : Scan

    /** The records that are due on the store's clock, earliest first. */
    public data class Due(
        /** Null: of all firms. */
        val firm: String?,
        val collection: String,
        val limit: Int,
    ) : Scan
}

/** One entry of a commit. A key occurs once in it. */
public sealed interface Write {
    public val key: Key

    /** The version that must be there; null: no record may be there. */
    public val expect: String?
}

/** Writes the whole record. */
public data class Put(
    override val key: Key,
    override val expect: String?,
    val version: String,
    /** Due so long after the store's clock; null: never. May be larger than a column: cap it. */
    val dueInMs: Long?,
    val body: String,
) : Write {
    override fun toString(): String = "Put(key=$key, expect=$expect, version=$version, dueInMs=$dueInMs)"
}

/** Removes the record. */
public data class Delete(
    override val key: Key,
    /** The version that must be there. */
    override val expect: String,
) : Write

/** Writes nothing, but the commit fails unless this holds. */
public data class Check(override val key: Key, override val expect: String?) : Write

/** What became of a commit. */
public sealed interface CommitAnswer

/** All writes are durable. */
public data class Done(
    /** The store's clock at the commit, in milliseconds since 1970: what `dueInMs` was added to. */
    val nowMs: Long,
) : CommitAnswer

/** An expectation did not hold, and nothing was written. In Java: `Conflict.INSTANCE`. */
public data object Conflict : CommitAnswer

/**
 * A database of yours.
 *
 * What is thrown means that it is unknown what happened, and the SDK reads again. Drivers may end a
 * `commit()` normally though nothing was stored, after a statement whose error was caught (pgjdbc
 * does): let exceptions through.
 *
 * Ports are called on threads of the SDK, several at once. Whatever they throw, `Error`s included,
 * is taken for a failure and its text is dropped, since nobody knows what it quotes; only the name
 * of its class is logged. Within a method no function of the SDK may be called: it answers
 * `call_inside_callback`.
 */
public interface Store {
    /** The record of this key. MUST see every earlier successful commit of any process. */
    public fun get(key: Key): Record?

    /** The records that the scan asks for, in its order. */
    public fun scan(scan: Scan): List<Record>

    /**
     * Does all writes or none. [Done] MUST mean durable. There may be no writes. What a check
     * expects MUST hold until the commit: of two that each check what the other one writes, one is
     * a conflict. At READ COMMITTED a plain SELECT is not enough.
     */
    public fun commit(writes: List<@JvmSuppressWildcards Write>): CommitAnswer
}

/** A sealed envelope, and its version. */
public data class SealedTokens(
    val version: String,
    /** Kept byte for byte. */
    val envelope: String,
) {
    override fun toString(): String = "SealedTokens(version=$version)"
}

/**
 * A vault of yours for the sealed tokens of connections, which never sees one in plain.
 *
 * What is thrown means that it is unknown what happened, and the SDK loads again.
 */
public interface TokenStore {
    /** The envelope of this connection. MUST see every earlier successful swap of any process. */
    public fun load(firm: String, connection: String): SealedTokens?

    /**
     * Replaces the envelope if its version is still `expected`; null: there is none yet. False: it
     * is not, and nothing was changed. True MUST mean durable.
     */
    public fun compareAndSwap(firm: String, connection: String, expected: String?, sealed: SealedTokens): Boolean

    /** Removes the envelope, whatever its version. Deleting what is not there succeeds. */
    public fun delete(firm: String, connection: String)
}

/** A wrapped data key: safe to store. */
public class WrappedKey(
    /** Which root key wrapped it: 1 to 128 of `A-Z a-z 0-9 _ - . :`. */
    public val keyId: String,
    public val blob: ByteArray,
)

/** Wraps data keys with a root key that never leaves it, as a KMS does. */
public interface Keys {
    /** Wraps the 32 bytes with the current root key, bound to `associated`, which is no secret. */
    public fun wrap(key: ByteArray, associated: ByteArray): WrappedKey

    /** Gives the 32 bytes again. MUST fail under another `associated`. */
    public fun unwrap(wrapped: WrappedKey, associated: ByteArray): ByteArray
}

/** Names a document. */
public data class Document(val firm: String, val matter: String, val document: String, val upload: String)

/** What a document is now. */
public data class DocumentStat(
    /** Bytes. */
    val length: Long,
    /** Changes whenever the bytes do, and holds no client data; 1 to 128 bytes. */
    val revision: String,
    /** As in an intake: `approved`, … */
    val status: String,
    /** As in an intake: `client_upload`, … */
    val origin: String,
)

/** Your matters and documents. Throw [NotFoundException] for what is not there. */
public interface Intakes {
    /** The JSON of a matter as it is now (docs/intake-format.md), at most 8 MiB. */
    public fun load(firm: String, matter: String): String

    /** What the document is now. MUST look afresh. */
    public fun stat(document: Document): DocumentStat

    /**
     * The document's bytes from `offset` on. They are read piece by piece, by one thread at a time,
     * and never held whole. Closed once, at its end or before.
     */
    public fun open(document: Document, offset: Long): InputStream
}

/** How grave a line is. */
public enum class LogLevel {
    /** Something failed for good. */
    ERROR,

    /** Something needs a look. */
    WARNING,

    /** What happens. */
    INFO,

    /** Each call. */
    DEBUG,
}

/** Takes what the SDK tells: ids, counts and codes, no client data. */
public fun interface Log {
    /** Takes a line. Whatever it throws hurts nothing. */
    public fun line(level: LogLevel, target: String, message: String)

    /** The least grave lines that are wanted; asked once, when the SDK is opened. */
    public fun level(): LogLevel = LogLevel.INFO
}
