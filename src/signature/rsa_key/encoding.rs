//! The encoded messages of RSA signatures (RFC 8017 §9). Nothing here is secret, so nothing compares in constant time.

use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::algorithm::Hash;

/// `DigestInfo` up to the digest (RFC 8017 §9.2 note 1).
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];
const SHA384_INFO: [u8; 19] = [
    0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00,
    0x04, 0x30,
];
const SHA512_INFO: [u8; 19] = [
    0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00,
    0x04, 0x40,
];

/// The one encoded message of `length` bytes under PKCS#1 v1.5 (RFC 8017 §9.2). It is made and compared whole: who takes
/// signatures' padding apart accepts forged ones sooner or later.
pub(super) fn pkcs1(hash: Hash, message: &[u8], length: usize) -> Vec<u8> {
    let info = match hash {
        Hash::Sha256 => SHA256_INFO,
        Hash::Sha384 => SHA384_INFO,
        Hash::Sha512 => SHA512_INFO,
    };
    let digest = digest(hash, &[message]);
    let padding = length.saturating_sub(info.len()).saturating_sub(digest.len()).saturating_sub(3);
    [&[0, 1], vec![0xff; padding].as_slice(), &[0], &info, &digest].concat()
}

/// Whether `power` is a good encoded message under PSS with MGF1 and a salt of the hash's length (RFC 8017 §8.1.2 and §9.1.2,
/// RFC 7518 §3.5); it is as long as the modulus, which has `modulus_bits` bits.
pub(super) fn is_pss(hash: Hash, message: &[u8], power: &[u8], modulus_bits: usize) -> bool {
    recovered_salt(hash, power, modulus_bits.saturating_sub(1))
        .is_some_and(|(salt, salted)| salted == digest(hash, &[&[0; 8], &digest(hash, &[message]), &salt]))
}

/// The salt of an encoded message of `bits` bits, and the hash of salt and message that stands beside it (RFC 8017 §9.1.2
/// steps 3 to 11).
fn recovered_salt(hash: Hash, power: &[u8], bits: usize) -> Option<(Vec<u8>, &[u8])> {
    // A modulus of a bit more than whole bytes is a byte longer than the encoded message.
    let encoded = if bits.is_multiple_of(8) { power.strip_prefix(&[0])? } else { power };
    let rest = encoded.strip_suffix(&[0xbc])?;
    let (masked, salted) = rest.split_at_checked(rest.len().checked_sub(hash.bytes())?)?;
    let used = u8::MAX >> (bits.next_multiple_of(8).saturating_sub(bits));
    if masked.first()? & !used != 0 {
        return None;
    }
    let mut block: Vec<u8> =
        masked.iter().zip(mask(hash, salted, masked.len())).map(|(byte, mask)| byte ^ mask).collect();
    *block.first_mut()? &= used;
    let salt = block.split_off(block.len().checked_sub(hash.bytes())?);
    let (1, zeros) = block.split_last()? else { return None };
    zeros.iter().all(|byte| *byte == 0).then_some((salt, salted))
}

/// MGF1 (RFC 8017 §B.2.1).
fn mask(hash: Hash, seed: &[u8], length: usize) -> Vec<u8> {
    (0_u32..).flat_map(|counter| digest(hash, &[seed, &counter.to_be_bytes()])).take(length).collect()
}

/// The hash of the parts, one after the other.
fn digest(hash: Hash, parts: &[&[u8]]) -> Vec<u8> {
    fn of<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
        parts.iter().fold(D::new(), Digest::chain_update).finalize().to_vec()
    }
    match hash {
        Hash::Sha256 => of::<Sha256>(parts),
        Hash::Sha384 => of::<Sha384>(parts),
        Hash::Sha512 => of::<Sha512>(parts),
    }
}
