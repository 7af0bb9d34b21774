package com.casehug.clio.types

/**
 * A change of something that may also be taken away. Where a field of this type is null, all stays
 * as it is.
 */
public data class Change<T : Any> internal constructor(
    /** The new value; null: it is taken away. */
    val value: T?,
) {
    public companion object {
        /** Puts this in its place. */
        @JvmStatic
        public fun <T : Any> to(value: T): Change<T> = Change(value)

        /** Takes it away. */
        @JvmStatic
        public fun <T : Any> clear(): Change<T> = Change(null)
    }
}
