package com.casehug.clio

import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What lies in the jar beside the classes. */
class PackageTest {
    @Test
    fun `it carries our licences, and those of what is in the library`() {
        fun of(name: String): String =
            checkNotNull(Sdk::class.java.getResource("/META-INF/casehug-clio/$name")) { "$name is not there" }.readText()
        assertTrue("Permission is hereby granted" in of("LICENSE-MIT"))
        assertTrue("Apache License" in of("LICENSE-APACHE"))
        assertTrue("\nchacha20poly1305 " in of("LICENCES.txt"))
    }
}
