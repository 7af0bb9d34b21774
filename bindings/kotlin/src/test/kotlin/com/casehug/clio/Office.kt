package com.casehug.clio

import com.casehug.clio.ports.Document
import com.casehug.clio.ports.DocumentStat
import com.casehug.clio.ports.Intakes
import com.casehug.clio.ports.Keys
import com.casehug.clio.ports.NotFoundException
import com.casehug.clio.ports.SealedTokens
import com.casehug.clio.ports.TokenStore
import com.casehug.clio.ports.WrappedKey
import java.io.InputStream
import java.security.MessageDigest
import java.security.SecureRandom
import java.util.concurrent.ConcurrentHashMap
import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec
import kotlin.experimental.xor

/** One document for each matter. */
internal open class Office(private val content: ByteArray = "What the client sent.".toByteArray()) : Intakes {
    override fun load(firm: String, matter: String): String {
        if (matter == "none") {
            throw NotFoundException()
        }
        return """{"matter":{"id":"$matter","title":"T"},
            "client":{"id":"cli_1","first_name":"Ada","last_name":"Byron"},
            "documents":[{"id":"doc_1","file_name":"a.txt","content_type":"text/plain","status":"approved",
            "origin":"client_upload"}]}"""
    }

    override fun stat(document: Document): DocumentStat {
        val revision = MessageDigest.getInstance("SHA-256").digest(content).joinToString("") { "%02x".format(it) }
        return DocumentStat(content.size.toLong(), revision, "approved", "client_upload")
    }

    override fun open(document: Document, offset: Long): InputStream =
        content.inputStream().also { it.skipNBytes(offset) }
}

/** Keys that never leave it: a stream of HMACs, bound to what is associated. */
internal class Kms : Keys {
    private val root = ByteArray(32).also { SecureRandom().nextBytes(it) }

    private fun mark(vararg parts: ByteArray): ByteArray = Mac.getInstance("HmacSHA256").run {
        init(SecretKeySpec(root, "HmacSHA256"))
        parts.forEach(::update)
        doFinal()
    }

    private fun padded(key: ByteArray, associated: ByteArray): ByteArray =
        mark(associated).mapIndexed { at, byte -> byte xor key[at] }.toByteArray()

    override fun wrap(key: ByteArray, associated: ByteArray): WrappedKey {
        val wrapped = padded(key, associated)
        return WrappedKey("kms-1", wrapped + mark(wrapped, associated))
    }

    override fun unwrap(wrapped: WrappedKey, associated: ByteArray): ByteArray {
        val blob = wrapped.blob.copyOf(32)
        val known = wrapped.keyId == "kms-1" && MessageDigest.isEqual(wrapped.blob.drop(32).toByteArray(), mark(blob, associated))
        require(known) { "not wrapped here" }
        return padded(blob, associated)
    }
}

/** Sealed tokens, in memory. */
internal open class Vault : TokenStore {
    private val all = ConcurrentHashMap<Pair<String, String>, SealedTokens>()

    override fun load(firm: String, connection: String): SealedTokens? = all[firm to connection]

    override fun compareAndSwap(firm: String, connection: String, expected: String?, sealed: SealedTokens): Boolean =
        synchronized(all) {
            (load(firm, connection)?.version == expected).also { if (it) all[firm to connection] = sealed }
        }

    override fun delete(firm: String, connection: String) {
        all.remove(firm to connection)
    }
}
