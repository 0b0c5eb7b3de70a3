//! Signatures after Standard Webhooks 1.0.0, by which a receiver knows that a request is ours.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
//! Only the symmetric scheme `v1`. No error quotes a secret.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use seatwatch_sdk::Secret;
use sha2::Sha256;

/// How many bytes a key has: 192 to 512 bits.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What is hashed with a key, before anything was.
#[derive(Clone)]
pub(crate) struct Key(Hmac<Sha256>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a text is no key, without the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyError {
    /// It lacks the prefix.
    NoPrefix,
    /// What follows the prefix is something else.
    NotBase64,
    /// It has too few bytes or too many.
    Length(usize),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPrefix => f.write_str("does not begin with `whsec_`"),
            Self::NotBase64 => f.write_str("is not base64 after `whsec_`"),
            Self::Length(bytes) => write!(f, "has {bytes} bytes, expected 24 to 64"),
        }
    }
}

impl Key {
    /// Takes a secret as the specification writes it: `whsec_` and base64.
    pub(crate) fn parse(secret: &Secret) -> Result<Self, KeyError> {
        let encoded = secret.expose().strip_prefix("whsec_").ok_or(KeyError::NoPrefix)?;
        let key = BASE64_STANDARD.decode(encoded).map_err(|_| KeyError::NotBase64)?;
        if !KEY_BYTES.contains(&key.len()) {
            return Err(KeyError::Length(key.len()));
        }
        Ok(Self(Hmac::new_from_slice(&key).expect("HMAC takes keys of any length")))
    }

    fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The header `webhook-signature`: one signature per key, so that a receiver that knows any of
/// them is content. None without keys.
pub(crate) fn signatures(keys: &[Key], id: &str, timestamp: u64, body: &[u8]) -> Option<String> {
    let signatures: Vec<_> = keys.iter().map(|key| key.sign(id, timestamp, body)).collect();
    (!signatures.is_empty()).then(|| signatures.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn key(secret: &str) -> Result<Key, KeyError> {
        Key::parse(&Secret::new(secret))
    }

    /// The vector that the reference libraries are tested with.
    #[test]
    fn signatures_are_those_of_the_reference_libraries() {
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let id = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
        let signed = signatures(&[key(SECRET).unwrap()], id, 1_649_367_553, body);
        let expected = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        assert_eq!(signed.as_deref(), Some(expected));
    }

    #[test]
    fn during_a_rotation_there_are_several() {
        let other = format!("whsec_{}", BASE64_STANDARD.encode([7; 64]));
        let keys = [key(&other).unwrap(), key(SECRET).unwrap()];
        let both = signatures(&keys, "id", 1, b"body").unwrap();
        let each = keys.each_ref().map(|key| key.sign("id", 1, b"body"));
        assert_eq!(both, each.join(" "));
        assert_ne!(each[0], each[1]);
        assert_eq!(signatures(&[], "id", 1, b"body"), None);
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_quoted() {
        let of = |bytes: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![1; bytes]));
        let refused = |text: &str| key(text).unwrap_err();
        assert_eq!(refused("C2FVsBQIhrscChlQIMV+b5sSYspob7oD"), KeyError::NoPrefix);
        assert_eq!(refused("whsec_not base64"), KeyError::NotBase64);
        assert_eq!(refused(&of(23)), KeyError::Length(23));
        assert_eq!(refused(&of(65)), KeyError::Length(65));
        assert_eq!(refused("whsec_"), KeyError::Length(0));
        assert!(key(&of(24)).is_ok() && key(&of(64)).is_ok());
        assert_eq!(format!("{:?}", key(SECRET)), "Ok(***)");
    }
}
