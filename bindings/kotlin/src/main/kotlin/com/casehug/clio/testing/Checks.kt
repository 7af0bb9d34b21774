/** Checks what you implement against everything that the SDK relies on, in tests of yours. */
@file:JvmName("Checks")

package com.casehug.clio.testing

import com.casehug.clio.KeysTrait
import com.casehug.clio.Library
import com.casehug.clio.StoreTrait
import com.casehug.clio.TokensTrait
import com.casehug.clio.crossing
import com.casehug.clio.ports.Keys
import com.casehug.clio.ports.Store
import com.casehug.clio.ports.TokenStore
import com.casehug.clio.native.Checked as NativeChecked
import com.casehug.clio.native.checkKeys as nativeCheckKeys
import com.casehug.clio.native.checkStore as nativeCheckStore
import com.casehug.clio.native.checkTokens as nativeCheckTokens

/** One promise of a port. */
public data class Checked(
    val case: String,
    /** What was found; null: it is kept. */
    val wrong: String?,
)

/**
 * Checks a store: it is empty, and nobody else's. Takes seconds, and leaves records behind. What
 * only a power cut shows is not checked.
 *
 * @param second Another connection to the same records.
 */
@JvmOverloads
public fun checkStore(store: Store, second: Store? = null): List<Checked> =
    told { nativeCheckStore(StoreTrait(store, null), second?.let { StoreTrait(it, null) }) }

/** Checks a vault: it is empty, and nobody else's. */
public fun checkTokens(tokens: TokenStore): List<Checked> = told { nativeCheckTokens(TokensTrait(tokens, null)) }

/** Checks keys. */
public fun checkKeys(keys: Keys): List<Checked> = told { nativeCheckKeys(KeysTrait(keys, null)) }

private fun told(check: () -> List<NativeChecked>): List<Checked> {
    Library.load()
    return crossing(check).map { Checked(it.case, it.wrong) }
}
