//! Entries of metadata and statuses, as a test writes them.

use tonic::{
    Code,
    metadata::{AsciiMetadataKey, BinaryMetadataKey, BinaryMetadataValue, MetadataMap},
};

/// Adds an entry, or panics where the test says what is none.
#[track_caller]
pub(crate) fn insert(metadata: &mut MetadataMap, key: &'static str, value: &str) {
    if let Ok(key) = BinaryMetadataKey::from_bytes(key.as_bytes()) {
        metadata.append_bin(key, BinaryMetadataValue::from_bytes(value.as_bytes()));
        return;
    }
    let entry = AsciiMetadataKey::from_bytes(key.as_bytes()).ok().zip(value.parse().ok());
    let Some((key, value)) = entry else {
        panic!("`{key}: {value}` is no metadata: a name is a token, a value visible ASCII");
    };
    metadata.append(key, value);
}

/// Panics where the test says what is no key of such an entry.
#[track_caller]
pub(crate) fn check_key(key: &str, is_binary: bool) {
    let is_key = match is_binary {
        true => BinaryMetadataKey::from_bytes(key.as_bytes()).is_ok(),
        false => AsciiMetadataKey::from_bytes(key.as_bytes()).is_ok(),
    };
    let ending = if is_binary { "end" } else { "do not end" };
    assert!(
        is_key,
        "`{key}` is no name of such metadata, which are lower case and {ending} in -bin"
    );
}

/// Panics where the test says that a call fails, and means it to go well.
#[track_caller]
pub(crate) fn check_failure(code: Code) {
    assert!(code != Code::Ok, "a call that fails has another code than `Ok`");
}

/// Whether an entry of a call is the user's own, and not the protocol's.
pub(crate) fn is_custom(key: &str) -> bool {
    const PROTOCOL: [&str; 4] = ["te", "content-type", "user-agent", "host"];
    !PROTOCOL.contains(&key) && !key.starts_with("grpc-")
}
