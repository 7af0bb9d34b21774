//! The one file that knows that futures and ports are `Send` on native targets and not on
//! WebAssembly.
//!
//! Everything else writes [`MaybeSend`], [`MaybeSync`] and [`BoxFuture`] and never asks for the
//! target.

use core::future::Future;
use core::pin::Pin;

/// `Send` on native targets; nothing on WebAssembly, where values that hold JavaScript objects
/// cannot be sent.
#[cfg(not(target_family = "wasm"))]
pub trait MaybeSend: Send {}
#[cfg(not(target_family = "wasm"))]
impl<T: Send + ?Sized> MaybeSend for T {}

/// `Send` on native targets; nothing on WebAssembly, where values that hold JavaScript objects
/// cannot be sent.
#[cfg(target_family = "wasm")]
pub trait MaybeSend {}
#[cfg(target_family = "wasm")]
impl<T: ?Sized> MaybeSend for T {}

/// `Sync` on native targets; nothing on WebAssembly.
#[cfg(not(target_family = "wasm"))]
pub trait MaybeSync: Sync {}
#[cfg(not(target_family = "wasm"))]
impl<T: Sync + ?Sized> MaybeSync for T {}

/// `Sync` on native targets; nothing on WebAssembly.
#[cfg(target_family = "wasm")]
pub trait MaybeSync {}
#[cfg(target_family = "wasm")]
impl<T: ?Sized> MaybeSync for T {}

/// What every port method returns. Boxed, so that ports are object-safe; every call is I/O, so the
/// box costs nothing.
#[cfg(not(target_family = "wasm"))]
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What every port method returns. Boxed, so that ports are object-safe; every call is I/O, so the
/// box costs nothing.
#[cfg(target_family = "wasm")]
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
