//! Signatures that verify, by keys that are no signers, and numbers that few random ones come near.

use rsa::{
    BigUint, Pkcs1v15Sign, Pss, RsaPrivateKey, pkcs8::DecodePrivateKey as _, traits::PublicKeyParts as _,
};
use sha2::{Digest, Sha256, Sha384, Sha512};
use validate_jwt::algorithm::Algorithm;

use super::{Seeds, number};
use crate::{seal::Constant, signers::PRIVATE_KEY, targets::RSA_ALGORITHMS};

/// The primes of a key of 2049 bits, whose encoded messages under PSS are a byte shorter, with 3 for its exponent.
const PRIMES: [&str; 2] = [
    "18745d36651e6fd087af9d7b8025f6b5f452fbfdd91355a5880e9d53a49e0f9b49cc6ac6bb765dcea8654c3aaecbb12a0971891b4580eb2dc4c59\
     62467f5b39edab80d59ed9030a42aa089bfb607fa3af13da841be93bffc969ebf3645b3cf741b4f6ccab70929362952b1db18a6ca550b2aa9baa1\
     529dad4dfad59f07b134335",
    "cab51a863ec432fe6ad330a3ae06194b6ef3005334757962b8a82d537eb4e037f60637f9cb2c6d2ef3bb80ed55835e1ccf9241fc0825a330c3c6d\
     739a039a720efe118c2988b7528d6d3047d9d5d1aa65e6637521ffe3b042636a483fd57d56886a698f4ebef5cfc109d3e16f174523caaa5658652\
     fdce216818bfa8e2de378f",
];

const MESSAGE: &[u8] = b"message";

impl Seeds {
    pub(super) fn signatures(&self) {
        let [p, q] = PRIMES.map(|prime| BigUint::parse_bytes(prime.as_bytes(), 16).expect("a number"));
        let keys = [
            RsaPrivateKey::from_pkcs8_pem(PRIVATE_KEY).expect("a key"),
            RsaPrivateKey::from_p_q(p, q, BigUint::from(3_u8)).expect("a key"),
        ];
        for (index, algorithm) in RSA_ALGORITHMS.into_iter().enumerate() {
            let choice = number(index);
            // The harness's own key: as it signed, and with a bit changed.
            self.write("rsa", &format!("signed-{algorithm}"), &[&[&[choice, 1, 0], MESSAGE].concat()]);
            self.write("rsa", &format!("changed-{algorithm}"), &[&[&[choice, 1, 1, 9, 1], MESSAGE].concat()]);
            for key in &keys {
                let n = key.n().to_bytes_be();
                let signature = sign(key, algorithm);
                let exponent = u8::from(key.e() == &BigUint::from(3_u8));
                let length = number(n.len() - 255);
                let literal =
                    [&[choice, 0, length, 0], &n[..], &[1, exponent, 3, 0], &signature, MESSAGE].concat();
                self.write("rsa", &format!("literal-{algorithm}-{}", n.len()), &[&literal]);
            }
            for (name, numbers) in [
                ("ones", &[1, 1, 0, 1, 0, 3, 1, 0][..]),
                ("one-below", &[1, 1, 0, 1, 1, 1, 1]),
                ("the-modulus", &[1, 1, 0, 1, 1, 0, 0]),
                ("one-above", &[1, 1, 0, 1, 1, 0, 1]),
                ("zero", &[1, 1, 0, 1, 0, 3, 2, 0]),
                ("low", &[1, 2, 1, 0, 0, 0x80, 1, 0, 3, 1, 0]),
                ("largest-exponent", &[1, 1, 0, 1, 2, 5, 1, 0xff, 0xff, 0xff, 0xff, 3, 1, 0]),
                ("largest", &[255, 3, 0, 1, 0, 1, 0, 3, 1, 0]),
            ] {
                self.write("rsa", &format!("{name}-{algorithm}"), &[&[&[choice, 0], numbers].concat()]);
            }
        }
    }
}

/// The signature of [`MESSAGE`], with a salt of equal bytes: it is the same in every run.
fn sign(key: &RsaPrivateKey, algorithm: Algorithm) -> Vec<u8> {
    let salt = &mut Constant;
    let (d256, d384, d512) = (Sha256::digest(MESSAGE), Sha384::digest(MESSAGE), Sha512::digest(MESSAGE));
    let signed = match algorithm {
        Algorithm::Rs256 => key.sign(Pkcs1v15Sign::new::<Sha256>(), &d256),
        Algorithm::Rs384 => key.sign(Pkcs1v15Sign::new::<Sha384>(), &d384),
        Algorithm::Rs512 => key.sign(Pkcs1v15Sign::new::<Sha512>(), &d512),
        Algorithm::Ps256 => key.sign_with_rng(salt, Pss::new_with_salt::<Sha256>(32), &d256),
        Algorithm::Ps384 => key.sign_with_rng(salt, Pss::new_with_salt::<Sha384>(48), &d384),
        _ => key.sign_with_rng(salt, Pss::new_with_salt::<Sha512>(64), &d512),
    };
    signed.expect("a signature")
}
