//! Typed repositories over the store port.
