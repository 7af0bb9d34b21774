"""Written when the package is put together: the library, and UniFFI's module over it."""
