package com.casehug.clio

import com.casehug.clio.native.uniffiCallbackInterfaceHostIntakes
import com.casehug.clio.native.uniffiCallbackInterfaceHostKeys
import com.casehug.clio.native.uniffiCallbackInterfaceHostLog
import com.casehug.clio.native.uniffiCallbackInterfaceHostReader
import com.casehug.clio.native.uniffiCallbackInterfaceHostStore
import com.casehug.clio.native.uniffiCallbackInterfaceHostTokens
import com.casehug.clio.native.uniffiEnsureInitialized
import com.casehug.clio.native.uniffiRustFutureContinuationCallbackImpl
import com.sun.jna.Callback
import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Function
import com.sun.jna.Native
import com.sun.jna.NativeLibrary
import com.sun.jna.Platform
import com.sun.jna.Pointer
import com.sun.jna.Structure
import java.io.IOException

/** The library cannot be used: there is none for this platform, or it is of another build. */
public class LoadException internal constructor(message: String, cause: Throwable? = null) :
    RuntimeException(message, cause)

/** Loads the library, and makes sure that it is the one that this face was generated for. */
internal object Library {
    private const val COMPONENT = "casehug_clio_uniffi"
    private const val PLATFORMS = "Linux on x86_64 with glibc 2.28 or newer"

    /** Where UniFFI's module looks as well. */
    private const val OVERRIDE = "uniffi.component.$COMPONENT.libraryOverride"

    private val failure: LoadException? by lazy {
        runCatching { open() }.exceptionOrNull()?.let { it as? LoadException ?: unusable(it) }
    }

    /** Does nothing the second time. */
    fun load() {
        failure?.let { throw LoadException(it.message.orEmpty(), it) }
    }

    private fun open() {
        val given = System.getProperty(OVERRIDE)
        val name = given ?: unpacked()
        val (version, digest) = found(name)
        check(version, digest)
        System.setProperty(OVERRIDE, name)
        try {
            // JNA asks for it when a callback first goes to the library, which the next line does.
            keepThreads()
            uniffiEnsureInitialized()
        } finally {
            if (given == null) {
                System.clearProperty(OVERRIDE)
            }
        }
    }

    /**
     * The jar's own library: by its name alone, one on the system's path would be taken before it.
     */
    private fun unpacked(): String = try {
        Native.extractFromResourcePath(COMPONENT, Library::class.java.classLoader).absolutePath
    } catch (_: IOException) {
        COMPONENT
    }

    /** What the library of this name says of itself, before anything else of it is used. */
    fun found(name: String): Pair<String, String> {
        val library = NativeLibrary.getInstance(name, Library::class.java.classLoader)
        fun text(function: String) = try {
            said(library.getFunction("uniffi_${COMPONENT}_fn_func_$function"), library)
        } catch (none: UnsatisfiedLinkError) {
            throw LoadException("The library is none of the SDK's, and this package is $VERSION. Replace it.", none)
        }
        return text("version") to text("operations_digest")
    }

    private fun said(function: Function, library: NativeLibrary): String {
        val status = Status()
        val text = function.invoke(Text.ByValue::class.java, arrayOf(status)) as Text.ByValue
        val bytes = text.data?.getByteArray(0, text.len.toInt()) ?: ByteArray(0)
        library.getFunction("ffi_${COMPONENT}_rustbuffer_free").invoke(arrayOf(text, status))
        return bytes.decodeToString()
    }

    /** Refuses a library of another build. */
    fun check(version: String, digest: String) {
        if (version != VERSION || digest != DIGEST) {
            throw LoadException(
                "The library is $version with operations ${digest.take(12)}, and this package is $VERSION with " +
                    "${DIGEST.take(12)}. Use the two of one build.",
            )
        }
    }

    fun unusable(cause: Throwable): LoadException = LoadException(
        "casehug-clio $VERSION has a library for $PLATFORMS; this is ${Platform.RESOURCE_PREFIX} " +
            "(${System.getProperty("os.name")}, ${System.getProperty("os.arch")}, Java " +
            "${System.getProperty("java.version")}): ${cause.javaClass.simpleName}: ${cause.message}",
        cause,
    )

    /**
     * A thread of the library that calls the host stays attached to Java until it ends. Without
     * this it would be attached for each call anew, and one that is called while it is in a call
     * would be detached in the middle of it.
     */
    private fun keepThreads() {
        val threads = CallbackThreadInitializer(true, false, "casehug-clio")
        for (callback in callbacks()) {
            Native.setCallbackThreadInitializer(callback, threads)
        }
    }
}

/** UniFFI's buffer, as its functions return it. */
@Structure.FieldOrder("capacity", "len", "data")
internal open class Text : Structure() {
    @JvmField var capacity: Long = 0

    @JvmField var len: Long = 0

    @JvmField var data: Pointer? = null

    class ByValue : Text(), Structure.ByValue
}

/** How a function of UniFFI's ended. */
@Structure.FieldOrder("code", "error")
internal class Status : Structure() {
    @JvmField var code: Byte = 0

    @JvmField var error: Text.ByValue = Text.ByValue()
}

/** Whatever the library calls: the methods of ports, and what wakes a coroutine. */
private fun callbacks(): List<Callback> = listOf(
    uniffiCallbackInterfaceHostIntakes.vtable,
    uniffiCallbackInterfaceHostKeys.vtable,
    uniffiCallbackInterfaceHostLog.vtable,
    uniffiCallbackInterfaceHostReader.vtable,
    uniffiCallbackInterfaceHostStore.vtable,
    uniffiCallbackInterfaceHostTokens.vtable,
).flatMap { vtable -> vtable.javaClass.fields.mapNotNull { it.get(vtable) as? Callback } } +
    uniffiRustFutureContinuationCallbackImpl
