//! What every [`KeyProvider`] must do.

use crate::error::Code;
use crate::maybe_send::BoxFuture;
use crate::ports::{DataKey, KeyProvider, SealContext, WrappedKey};

/// One case: its name and its body, which tells what was not as it must be.
pub type Case = (&'static str, fn(&dyn KeyProvider) -> BoxFuture<'_, Result<(), String>>);

/// All cases.
pub const CASES: &[Case] = &[
    ("a_wrapped_key_unwraps", |keys| Box::pin(round_trip(keys))),
    ("the_blob_does_not_show_the_key", |keys| Box::pin(hidden(keys))),
    ("firm_record_and_field_are_bound", |keys| Box::pin(bound(keys))),
    ("a_changed_blob_is_refused", |keys| Box::pin(changed(keys))),
    ("an_unknown_key_id_is_refused", |keys| Box::pin(unknown(keys))),
];

/// Runs every case on providers of `make` and names the first that fails.
///
/// # Errors
/// The case and what was not as it must be.
pub async fn run_all(make: impl Fn() -> Box<dyn KeyProvider>) -> Result<(), String> {
    for (name, case) in CASES {
        case(make().as_ref()).await.map_err(|what| format!("{name}: {what}"))?;
    }
    Ok(())
}

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

fn must(condition: bool, what: &str) -> Result<(), String> {
    if condition { Ok(()) } else { Err(what.to_owned()) }
}

async fn wrap(keys: &dyn KeyProvider) -> Result<WrappedKey, String> {
    keys.wrap(&data_key(), &context()).await.map_err(|error| error.to_string())
}

async fn refused(
    keys: &dyn KeyProvider,
    wrapped: &WrappedKey,
    context: &SealContext,
    what: &str,
) -> Result<(), String> {
    match keys.unwrap(wrapped, context).await {
        Ok(_) => Err(format!("{what} was accepted")),
        Err(error) if error.code() == Code::KeyFailed => Ok(()),
        Err(error) => Err(format!("{what} gave {} instead of key_failed", error.code().name())),
    }
}

async fn round_trip(keys: &dyn KeyProvider) -> Result<(), String> {
    for _ in 0..2 {
        let wrapped = wrap(keys).await?;
        must((1..=128).contains(&wrapped.key_id.len()), "the key id is empty or longer than 128 bytes")?;
        let key = keys.unwrap(&wrapped, &context()).await.map_err(|error| error.to_string())?;
        must(key.0 == data_key().0, "another key came back")?;
    }
    Ok(())
}

async fn hidden(keys: &dyn KeyProvider) -> Result<(), String> {
    let (wrapped, key) = (wrap(keys).await?, data_key());
    let shown = key.0.windows(8).any(|part| wrapped.blob.windows(8).any(|bytes| bytes == part));
    must(!shown, "a part of the key stands in the blob")
}

async fn bound(keys: &dyn KeyProvider) -> Result<(), String> {
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

async fn changed(keys: &dyn KeyProvider) -> Result<(), String> {
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

async fn unknown(keys: &dyn KeyProvider) -> Result<(), String> {
    let wrapped = WrappedKey { key_id: String::from("never-configured"), ..wrap(keys).await? };
    refused(keys, &wrapped, &context(), "an unknown key id").await
}
