//! The conformance suite of the [`KeyProvider`] port. It runs as tests
//! ([`key_provider_conformance!`](crate::key_provider_conformance)), or from another language
//! ([`run_all`]).

use std::sync::Arc;

use casehug_clio::Code;
use casehug_clio::ports::{DataKey, KeyProvider, SealContext, WrappedKey};

/// What a case tells: nothing, or what was not as it must be.
pub type Outcome = Result<(), String>;

/// The one list of cases; hands it to the macro `$then`, after `$args`.
#[doc(hidden)]
#[macro_export]
macro_rules! __with_key_provider_cases {
    ($then:path, $($args:tt)*) => {
        $then! { ($($args)*)
            a_wrapped_key_unwraps
            the_blob_does_not_show_the_key
            firm_record_and_field_are_bound
            a_changed_blob_is_refused
            an_unknown_key_id_is_refused
        }
    };
}

/// Makes a module `key_provider_conformance` with one `#[tokio::test]` per case of [the
/// suite](crate::keys). The argument is a function `async fn() -> Arc<dyn KeyProvider>`.
#[macro_export]
macro_rules! key_provider_conformance {
    ($open:path) => {
        mod key_provider_conformance {
            use super::*;
            $crate::__with_key_provider_cases! { $crate::__key_provider_case_tests, $open }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __key_provider_case_tests {
    (($open:path) $( $name:ident )*) => { $(
        #[tokio::test]
        async fn $name() -> $crate::testkit::keys::Outcome {
            $crate::testkit::keys::$name($open().await.as_ref()).await
        }
    )* };
}

macro_rules! run_all {
    (() $( $name:ident )*) => {
        /// Runs every case on what `open` gives, one after the other. The result names all cases,
        /// in a fixed order.
        pub async fn run_all(open: impl AsyncFn() -> Arc<dyn KeyProvider>) -> Vec<(&'static str, Outcome)> {
            vec![$( (stringify!($name), $name(open().await.as_ref()).await) ),*]
        }
    };
}

__with_key_provider_cases! { run_all, }

fn context() -> SealContext {
    SealContext { firm: String::from("firm_1"), record: String::from("data-key/con_1"), field: "key" }
}

/// Distinct bytes, so that a part of the key is recognisable in a blob.
fn data_key() -> DataKey {
    let mut key = DataKey([0; 32]);
    for (index, byte) in (0_u8..).zip(key.0.iter_mut()) {
        *byte = index.wrapping_mul(37).wrapping_add(11);
    }
    key
}

fn must(condition: bool, what: &str) -> Outcome {
    if condition { Ok(()) } else { Err(what.to_owned()) }
}

async fn wrap(keys: &dyn KeyProvider) -> Result<WrappedKey, String> {
    keys.wrap(&data_key(), &context()).await.map_err(|error| error.to_string())
}

async fn refused(keys: &dyn KeyProvider, wrapped: &WrappedKey, context: &SealContext, what: &str) -> Outcome {
    match keys.unwrap(wrapped, context).await {
        Ok(_) => Err(format!("{what} was accepted")),
        Err(error) if error.code() == Code::KeyFailed => Ok(()),
        Err(error) => Err(format!("{what} gave {} instead of key_failed", error.code().name())),
    }
}

#[doc(hidden)]
pub async fn a_wrapped_key_unwraps(keys: &dyn KeyProvider) -> Outcome {
    for _ in 0..2 {
        let wrapped = wrap(keys).await?;
        must((1..=128).contains(&wrapped.key_id.len()), "the key id is empty or longer than 128 bytes")?;
        let key = keys.unwrap(&wrapped, &context()).await.map_err(|error| error.to_string())?;
        must(key.0 == data_key().0, "another key came back")?;
    }
    Ok(())
}

#[doc(hidden)]
pub async fn the_blob_does_not_show_the_key(keys: &dyn KeyProvider) -> Outcome {
    let (wrapped, key) = (wrap(keys).await?, data_key());
    let shown = key.0.windows(8).any(|part| wrapped.blob.windows(8).any(|bytes| bytes == part));
    must(!shown, "a part of the key stands in the blob")
}

#[doc(hidden)]
pub async fn firm_record_and_field_are_bound(keys: &dyn KeyProvider) -> Outcome {
    let wrapped = wrap(keys).await?;
    let elsewhere = [
        ("another firm", SealContext { firm: String::from("firm_2"), ..context() }),
        ("another record", SealContext { record: String::from("data-key/con_2"), ..context() }),
        ("another field", SealContext { field: "other", ..context() }),
    ];
    for (what, context) in elsewhere {
        refused(keys, &wrapped, &context, what).await?;
    }
    Ok(())
}

#[doc(hidden)]
pub async fn a_changed_blob_is_refused(keys: &dyn KeyProvider) -> Outcome {
    let wrapped = wrap(keys).await?;
    for index in 0..wrapped.blob.len() {
        let mut blob = wrapped.blob.clone();
        blob[index] ^= 1;
        let flipped = WrappedKey { blob, ..wrapped.clone() };
        refused(keys, &flipped, &context(), &format!("a blob with byte {index} changed")).await?;
    }
    for len in [0, 1, wrapped.blob.len().saturating_sub(1)] {
        let cut = WrappedKey { blob: wrapped.blob[..len].to_vec(), ..wrapped.clone() };
        refused(keys, &cut, &context(), "a cut blob").await?;
    }
    Ok(())
}

#[doc(hidden)]
pub async fn an_unknown_key_id_is_refused(keys: &dyn KeyProvider) -> Outcome {
    let wrapped = WrappedKey { key_id: String::from("never-configured"), ..wrap(keys).await? };
    refused(keys, &wrapped, &context(), "an unknown key id").await
}
