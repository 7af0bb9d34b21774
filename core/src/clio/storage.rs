//! Which hosts are Clio's document storage.
//!
//! Clio hands out signed Amazon S3 addresses (Clio: Documents). Not every `*.amazonaws.com` is S3:
//! anybody can have an API gateway or a load balancer there, so the service label must be S3's, in
//! one of the documented forms of endpoints: `[bucket.]s3.amazonaws.com`,
//! `[bucket.]s3.region.amazonaws.com`, `[bucket.]s3-region.amazonaws.com`, each with `dualstack`,
//! `fips` or `accelerate`.

/// Whether `host` (lower case, as `Url` gives it) is Amazon S3.
pub(super) fn is_s3(host: &str) -> bool {
    let Some(rest) = host.strip_suffix(".amazonaws.com") else { return false };
    let labels: Vec<&str> = rest.split('.').collect();
    if labels.iter().any(|label| label.is_empty()) {
        return false;
    }
    match labels.as_slice() {
        [.., last] if is_service(last) => true,
        [.., service, "dualstack"] => is_service(service),
        [.., service, "dualstack", region] | [.., service, region] => is_service(service) && is_region(region),
        _ => false,
    }
}

/// Not `s3-website` or `s3-object-lambda`: behind those is a customer's own machinery.
fn is_service(label: &str) -> bool {
    matches!(label, "s3" | "s3-fips" | "s3-accelerate") || label.strip_prefix("s3-").is_some_and(is_region)
}

/// `us-east-1`, `ca-central-1`, `us-gov-west-1`
fn is_region(label: &str) -> bool {
    let parts: Vec<&str> = label.split('-').collect();
    match parts.as_slice() {
        [words @ .., number] => {
            (2..=3).contains(&words.len())
                && words.iter().all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
                && !matches!(words, ["website", ..])
                && number.len() == 1
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        [] => false,
    }
}

/// Whether `host` is below Clio's own domain.
pub(super) fn is_clio(host: &str) -> bool {
    host.strip_suffix(".clio.com")
        .is_some_and(|rest| !rest.is_empty() && rest.split('.').all(|label| !label.is_empty()))
}

/// Whether `host` is a full DNS name: two labels or more, no wildcard, no dot at the end.
pub(super) fn is_dns_name(host: &str) -> bool {
    let character = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    host.contains('.') && host.split('.').all(|label| !label.is_empty() && label.bytes().all(character))
}
