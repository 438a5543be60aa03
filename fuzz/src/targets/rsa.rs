use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey, traits::PublicKeyParts as _};
use sha2::{Digest, Sha256, Sha384, Sha512};
use validate_jwt::{
    algorithm::Algorithm,
    signature::{MAX_RSA_BITS, MIN_RSA_BITS, PublicKey, Verifier, VerifyingKey},
};

use crate::{
    input::Choices,
    reached,
    signers::{RSA, SIGNERS},
};

/// Those of RSA.
pub const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

/// algorithm, modulus, exponent, signature and message, each as choices say.
///
/// The key is usable, the signature has that power, and it verifies, exactly where the crate `rsa` comes to the same.
pub fn rsa(input: &[u8]) {
    let mut choices = Choices::new(input);
    let algorithm = ALGORITHMS[choices.below(ALGORITHMS.len())];
    let case = if choices.flag() { Case::signed(algorithm, choices) } else { Case::described(choices) };
    let Some((ours, theirs)) = case.keys() else { return reached::refused() };
    let signature = BigUint::from_bytes_be(&case.signature);
    let is_below = case.signature.len() == theirs.size() && signature < *theirs.n();
    let power = is_below.then(|| as_long_as(&theirs, &signature.modpow(theirs.e(), theirs.n())));
    assert_eq!(ours.rsa_power(&case.signature), power, "the power of a signature");
    let is_good = power.is_some_and(|power| {
        // The crate looks at neither under PSS: whether the signature is below the modulus, and at the byte that an encoded
        // message of whole bytes is shorter than the modulus.
        let is_longer = is_pss(algorithm) && theirs.n().bits() % 8 == 1;
        (!is_longer || power[0] == 0) && is_good(&theirs, algorithm, &case)
    });
    let verdict =
        Verifier::rust_only().verify(algorithm, &VerifyingKey::Public(ours), &case.message, &case.signature);
    assert_eq!(verdict, is_good, "the verdict about a signature");
    if verdict { reached::allowed() } else { reached::refused() }
}

fn is_pss(algorithm: Algorithm) -> bool {
    algorithm.name().starts_with("PS")
}

fn is_good(key: &RsaPublicKey, algorithm: Algorithm, case: &Case) -> bool {
    let Case { message, signature, .. } = case;
    let verified = match algorithm {
        Algorithm::Rs256 => key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature),
        Algorithm::Rs384 => key.verify(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(message), signature),
        Algorithm::Rs512 => key.verify(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(message), signature),
        Algorithm::Ps256 => key.verify(Pss::new_with_salt::<Sha256>(32), &Sha256::digest(message), signature),
        Algorithm::Ps384 => key.verify(Pss::new_with_salt::<Sha384>(48), &Sha384::digest(message), signature),
        _ => key.verify(Pss::new_with_salt::<Sha512>(64), &Sha512::digest(message), signature),
    };
    verified.is_ok()
}

fn as_long_as(key: &RsaPublicKey, number: &BigUint) -> Vec<u8> {
    let digits = number.to_bytes_be();
    [vec![0; key.size() - digits.len()], digits].concat()
}

/// A key, and a signature of a message.
struct Case {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    signature: Vec<u8>,
    message: Vec<u8>,
}

impl Case {
    /// Of the harness's own key: what it signed under PKCS#1 v1.5, changed here and there.
    fn signed(algorithm: Algorithm, mut choices: Choices<'_>) -> Self {
        let key = SIGNERS[RSA].rsa_public().expect("an RSA key");
        let changes: Vec<_> = (0..choices.below(4)).map(|_| (choices.below(256), choices.byte())).collect();
        let message = choices.rest().to_vec();
        let mut signature = SIGNERS[RSA].sign(algorithm.name(), &message);
        for (position, change) in changes {
            signature[position] ^= change;
        }
        let (modulus, exponent) = (key.n().to_bytes_be(), key.e().to_bytes_be());
        Self { modulus, exponent, signature, message }
    }

    /// Of a key that is only numbers.
    fn described(mut choices: Choices<'_>) -> Self {
        // Mostly small ones, which take less time; some of them too small.
        let length = match choices.byte() {
            small @ ..200 => 255 + usize::from(small % 8),
            _ => 256 + choices.below(MAX_RSA_BITS / 8 - 254),
        };
        let mut modulus = number(&mut choices, length);
        if choices.flag() {
            *modulus.last_mut().expect("a byte") |= 1;
        }
        let exponent = match choices.below(4) {
            0 => vec![1, 0, 1],
            1 => vec![3],
            _ => choices.text().to_vec(),
        };
        let signature = match choices.below(8) {
            near @ 0..=1 => {
                let (n, distance) = (BigUint::from_bytes_be(&modulus), BigUint::from(choices.byte()));
                let number = if near == 0 || n < distance { n + distance } else { n - distance };
                let digits = number.to_bytes_be();
                [vec![0; length.saturating_sub(digits.len())], digits].concat()
            }
            2 => choices.text().to_vec(),
            _ => number(&mut choices, length),
        };
        Self { modulus, exponent, signature, message: choices.rest().to_vec() }
    }

    /// The key here and the crate's; `None` if neither is one.
    fn keys(&self) -> Option<(PublicKey, RsaPublicKey)> {
        let n = BigUint::from_bytes_be(&self.modulus);
        let is_of_size = (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&n.bits());
        let theirs = RsaPublicKey::new_with_max_size(n, BigUint::from_bytes_be(&self.exponent), MAX_RSA_BITS);
        let theirs = theirs.ok().filter(|_| is_of_size);
        let ours = PublicKey::rsa(&self.modulus, &self.exponent).ok();
        assert_eq!(ours.is_some(), theirs.is_some(), "whether it is a key");
        ours.zip(theirs)
    }
}

/// Bytes as they come, or runs of equal ones and a pattern, over which carries go far; some of them changed.
fn number(choices: &mut Choices<'_>, length: usize) -> Vec<u8> {
    let mut number = match choices.below(4) {
        0 => return (0..length).map(|_| choices.byte()).collect(),
        1 => vec![0xff; length],
        2 => vec![0; length],
        _ => {
            let pattern = choices.text();
            pattern.iter().copied().chain([0]).cycle().take(length).collect()
        }
    };
    for _ in 0..choices.below(8) {
        let (from, run, byte) = (choices.below(length), choices.below(64), choices.byte());
        let to = length.min(from + run + 1);
        number[from..to].fill(byte);
    }
    number
}
