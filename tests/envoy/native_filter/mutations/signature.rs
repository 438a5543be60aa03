//! Signatures of other forms, and by other signers.

use super::super::draft::{Bytes, Mutation, Part, quoted};
use super::super::reading::SALTS;
use super::super::world::{Base, Origin, World, Worlds};
use rsa::RsaPrivateKey;
use rsa::pss;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};
use validate_jwt_cli::signing::{Algorithm, SigningKey};

type Form = fn(Bytes) -> Bytes;

/// Those that make sense for any token.
pub(super) fn any() -> Vec<Mutation> {
    let forms: [(&str, Form); 14] = [
        ("empty", |_signature| Vec::new()),
        ("one zero", |_signature| vec![0]),
        ("zeros", |signature| vec![0; signature.len()]),
        ("ones", |signature| vec![0xff; signature.len()]),
        ("zero behind", |signature| [signature.as_slice(), &[0]].concat()),
        ("two zeros behind", |signature| [signature.as_slice(), &[0, 0]].concat()),
        ("zero before", |signature| [&[0], signature.as_slice()].concat()),
        ("first byte gone", |signature| signature.get(1..).unwrap_or_default().to_vec()),
        ("last byte gone", |signature| signature[..signature.len().saturating_sub(1)].to_vec()),
        ("first half", |signature| signature[..signature.len() / 2].to_vec()),
        ("twice", |signature| signature.repeat(2)),
        ("backwards", |signature| signature.into_iter().rev().collect()),
        ("first bit turned", |signature| turn(signature, 0)),
        ("last bit turned", |signature| {
            let last = signature.len() * 8;
            turn(signature, last.saturating_sub(1))
        }),
    ];
    forms.map(|(name, form)| Mutation::signature(format!("signature: {name}"), form)).into_iter().collect()
}

fn turn(mut signature: Bytes, bit: usize) -> Bytes {
    if let Some(byte) = signature.get_mut(bit / 8) {
        *byte ^= 0x80 >> (bit % 8);
    }
    signature
}

/// Those for the algorithm that a base is signed with.
pub(super) fn of(base: &Base, world: &World, worlds: &Worlds) -> Vec<Mutation> {
    let Origin::Signed(key) = &base.origin else { return Vec::new() };
    let mut all = match key.algorithm() {
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => other_hashes(key, &RSA),
        Algorithm::Ps256 => [other_hashes(key, &RSA), salts::<Sha256>(&worlds.rsa)].concat(),
        Algorithm::Ps384 => [other_hashes(key, &RSA), salts::<Sha384>(&worlds.rsa)].concat(),
        Algorithm::Ps512 => [other_hashes(key, &RSA), salts::<Sha512>(&worlds.rsa)].concat(),
        Algorithm::Es256 => ecdsa(P256_ORDER),
        Algorithm::Es384 => ecdsa(P384_ORDER),
        Algorithm::Es512 => ecdsa(P521_ORDER),
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => other_hashes(key, &HMAC),
        Algorithm::EdDsa => Vec::new(),
    };
    all.extend(worlds.strangers.iter().map(|stranger| {
        Mutation::signed_by(format!("signed by a stranger with {}", stranger.algorithm()), stranger.clone())
    }));
    all.extend(confusions(world));
    all
}

const RSA: [Algorithm; 6] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];
const HMAC: [Algorithm; 3] = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];

/// Signed with another algorithm than the header says, and with one that both say.
fn other_hashes(key: &SigningKey, algorithms: &[Algorithm]) -> Vec<Mutation> {
    let others = algorithms.iter().filter(|other| **other != key.algorithm());
    let others = others.map(|other| key.clone().with_algorithm(*other).unwrap());
    // A small RSA key has no room for PSS with a large digest.
    let able = others.filter(|other| other.signature(b"").is_ok());
    able.map(|other| Mutation::signed_by(format!("signed with {}", other.algorithm()), other)).collect()
}

/// RFC 7518 §3.5 asks for a salt as long as the digest.
fn salts<D>(key: &RsaPrivateKey) -> Vec<Mutation>
where
    D: sha2::Digest + sha2::digest::FixedOutputReset + Send + Sync + 'static,
{
    let own = <D as sha2::Digest>::output_size();
    let lengths = SALTS.into_iter().filter(|length| *length != own);
    lengths
        .map(|length| {
            let key = pss::SigningKey::<D>::new_with_salt_len(key.clone(), length);
            Mutation::signed(format!("PSS salt of {length}"), move |message| {
                key.try_sign_with_rng(&mut rand_core::OsRng, message).unwrap().to_vec()
            })
        })
        .collect()
}

/// HMAC with what everybody knows, and a key that is looked for under another's name.
fn confusions(world: &World) -> Vec<Mutation> {
    let mut all = Vec::new();
    for jwk in world.published.iter().filter(|_| matches!(world.name, "named" | "bare")) {
        let text = |member: &str| jwk[member].as_str().map(str::to_owned);
        for known in ["n", "x", "k"].into_iter().filter_map(text).chain([jwk.to_string(), " ".repeat(32)]) {
            let secret = SigningKey::from_secret(Algorithm::Hs256, known.as_bytes()).unwrap();
            let name = format!("HMAC with {known:.10}… of {}", jwk["kid"]);
            all.push(Mutation::signed_by(name, secret));
        }
    }
    all
}

/// What goes with those: `alg` says HMAC.
pub(super) fn as_hmac() -> Mutation {
    Mutation::members("alg = \"HS256\"", Part::Header, |members, _now| members.set("alg", "\"HS256\""))
}

/// `kid` is that of another key of the set.
pub(super) fn other_key_ids(world: &World) -> Vec<Mutation> {
    let ids = world.known().into_iter().filter_map(|jwk| jwk["kid"].as_str().map(quoted));
    let set = |kid: String| {
        Mutation::members(format!("kid = {kid}"), Part::Header, move |members, _now| members.set("kid", &kid))
    };
    let mut all: Vec<Mutation> = ids.map(set).collect();
    all.push(Mutation::members("no kid", Part::Header, |members, _now| members.remove("kid")));
    all.push(set(Value::from("unknown").to_string()));
    all
}

/// The orders of the curves, big-endian, each as long as a coordinate.
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const P384_ORDER: &str =
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";
const P521_ORDER: &str = "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa\
    51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409";

fn bytes_of(hex: &str) -> Bytes {
    let digits: Vec<u8> = hex.chars().filter_map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn ecdsa(order: &str) -> Vec<Mutation> {
    type EcdsaForm = fn(&[u8], &[u8], &[u8]) -> Bytes;
    let forms: [(&str, EcdsaForm); 19] = [
        ("the other r", |r, s, n| [minus(n, r).as_slice(), s].concat()),
        ("s and r", |r, s, _| [s, r].concat()),
        ("r twice", |r, _, _| [r, r].concat()),
        ("r = 0", |r, s, _| [vec![0; r.len()].as_slice(), s].concat()),
        ("s = 0", |r, s, _| [r, vec![0; s.len()].as_slice()].concat()),
        ("r = n", |_, s, n| [n, s].concat()),
        ("s = n", |r, _, n| [r, n].concat()),
        ("r = s = 1", |r, _, _| {
            let one = [vec![0; r.len() - 1].as_slice(), &[1]].concat();
            one.repeat(2)
        }),
        ("in DER", |r, s, _| der(r, s)),
        ("in DER with leading zeros", |r, s, _| {
            sequence(&[integer(&[&[0], r].concat()), integer(&[&[0], s].concat())])
        }),
        ("a zero before each", |r, s, _| [&[0], r, &[0], s].concat()),
        ("three zeros before each", |r, s, _| [&[0; 3], r, &[0; 3], s].concat()),
        ("a hundred zeros before each", |r, s, _| [&[0; 100], r, &[0; 100], s].concat()),
        ("a zero before r", |r, s, _| [&[0], r, s].concat()),
        ("a zero before s", |r, s, _| [r, &[0], s].concat()),
        ("an odd byte behind", |r, s, _| [r, s, &[0x55]].concat()),
        ("each without its first byte", |r, s, _| [&r[1..], &s[1..]].concat()),
        ("r alone", |r, _, _| r.to_vec()),
        ("n more", |r, s, n| [r, &minus(s, n)].concat()),
    ];
    let order = bytes_of(order);
    let apply = |form: EcdsaForm| {
        let order = order.clone();
        move |signature: Bytes| {
            // A token that somebody else signed may have another length.
            if signature.len() != 2 * order.len() {
                return signature;
            }
            let (r, s) = signature.split_at(order.len());
            form(r, s, &order)
        }
    };
    let mut all: Vec<Mutation> =
        forms.map(|(name, form)| Mutation::signature(format!("ECDSA: {name}"), apply(form))).into();
    all.push(Mutation::equivalent("ECDSA: the other s", apply(|r, s, n| [r, &minus(n, s)].concat())));
    all
}

/// Big-endian, of equal length, modulo the length.
fn minus(from: &[u8], number: &[u8]) -> Bytes {
    let mut result = from.to_vec();
    let mut borrow = 0;
    for (digit, less) in result.iter_mut().rev().zip(number.iter().rev()) {
        let difference = i16::from(*digit) - i16::from(*less) - borrow;
        borrow = i16::from(difference < 0);
        *digit = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    result
}

fn der(r: &[u8], s: &[u8]) -> Bytes {
    let number = |bytes: &[u8]| {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
        let sign: &[u8] = if bytes[start] >= 0x80 { &[0] } else { &[] };
        integer(&[sign, &bytes[start..]].concat())
    };
    sequence(&[number(r), number(s)])
}

fn integer(bytes: &[u8]) -> Bytes {
    [&[2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

fn sequence(of: &[Bytes; 2]) -> Bytes {
    let content = of.concat();
    let length = u8::try_from(content.len()).unwrap();
    let head = if length < 0x80 { vec![0x30, length] } else { vec![0x30, 0x81, length] };
    [head, content].concat()
}
