//! Signatures of deliveries: HMAC-SHA256 over the raw body, keyed with the subscription's secret
//! (Clio: Webhooks).
//!
//! Clio does not state how the 32 bytes are written, so hex, base64 and base64url are read; all are
//! compared in constant time.

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Whether `signature` is this secret's over these bytes.
pub(crate) fn is_of(secret: &[u8], body: &[u8], signature: &str) -> bool {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
    let mac = mac.chain_update(body);
    let readings = [hex::decode(signature).ok(), STANDARD.decode(signature).ok(), URL_SAFE.decode(signature).ok()];
    readings.into_iter().flatten().any(|bytes| mac.clone().verify_slice(&bytes).is_ok())
}

/// What a body is known by, however its signature was written: keyed, so that it tells nothing of
/// what is in it.
pub(crate) fn digest(secret: &[u8], body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret).map(|mac| mac.chain_update(body).finalize().into_bytes());
    hex::encode(Sha256::digest(mac.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(secret: &[u8], body: &[u8]) -> Vec<u8> {
        Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(body).finalize().into_bytes().to_vec()
    }

    #[test]
    fn hex_and_base64_are_read_and_nothing_else() {
        let signed = sign(b"secret", b"body");
        let written = [
            hex::encode(&signed),
            hex::encode_upper(&signed),
            STANDARD.encode(&signed),
            URL_SAFE.encode(&signed),
            STANDARD.encode(&signed).trim_end_matches('=').to_owned(),
        ];
        for signature in &written {
            assert!(is_of(b"secret", b"body", signature), "{signature}");
            assert!(!is_of(b"secret", b"body ", signature));
            assert!(!is_of(b"secre", b"body", signature));
            assert!(!is_of(b"secret", b"body", &signature[..signature.len() - 2]));
        }
        for nothing in ["", "sha256=", "00", &"0".repeat(64), "\u{e9}"] {
            assert!(!is_of(b"secret", b"body", nothing), "{nothing:?}");
        }
    }
}
