//! One RSA operation a request, and so many a second.

use std::{cell::Cell, rc::Rc};

use rand_core::{CryptoRng, RngCore};

use super::*;

/// Real random numbers, and how many bytes of them were asked for.
struct Counting(Rc<Cell<usize>>);

impl RngCore for Counting {
    fn next_u32(&mut self) -> u32 {
        self.0.set(self.0.get() + 4);
        OsRng.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.set(self.0.get() + 8);
        OsRng.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.set(self.0.get() + bytes.len());
        OsRng.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Counting {}

const FAILED: Result<(), DecryptionError> = Err(DecryptionError::Failed);
const BUSY: Result<(), DecryptionError> = Err(DecryptionError::Busy);

struct Proxy {
    decryptor: Decryptor,
    keys: Vec<DecryptionKey>,
    now: Timestamp,
}

impl Proxy {
    fn new() -> Self {
        let other = DecryptionKey::rsa(Some("other".into()), None, private_key(OTHER_PRIVATE_KEY));
        let keys = vec![certified(), other, symmetric("", &KEK)];
        Self { decryptor: Decryptor::new(Box::new(OsRng)), keys, now: NOW }
    }

    fn decrypt(&self, token: &str, unwrapped: &Unwrapped) -> Result<(), DecryptionError> {
        self.decryptor.decrypt(token.as_bytes(), &self.keys, &[], unwrapped, self.now).map(|_| ())
    }

    /// How many operations are left in this second; takes them.
    fn left(&self) -> usize {
        let token = seal_rsa("");
        (0..100).take_while(|_| self.decrypt(&token, &Unwrapped::default()).is_ok()).count()
    }
}

#[test]
fn a_token_that_names_another_policys_key_takes_nothing_of_the_ration() {
    let proxy = Proxy::new();
    let own = [certified()];
    let another = DecryptionKey::rsa(Some("another".into()), None, private_key(OTHER_PRIVATE_KEY));
    let decrypt = |kid: &str, unwrapped: &Unwrapped| {
        let token = seal_rsa(&format!(r#","kid":"{kid}""#));
        proxy.decryptor.decrypt(token.as_bytes(), &own, &[&own[0], &another], unwrapped, NOW).map(|_| ())
    };
    for _ in 0..100 {
        assert_eq!(decrypt("another", &Unwrapped::default()), FAILED);
    }
    let unwrapped = Unwrapped::default();
    assert_eq!(decrypt("another", &unwrapped), FAILED);
    assert_eq!(decrypt("rsa", &unwrapped), Ok(()), "the request's one operation is left");
    assert_eq!(decrypt("nobody's", &Unwrapped::default()), Ok(()), "a name that means none is no name");
}

#[test]
fn rsa_is_blinded() {
    let drawn = Rc::new(Cell::new(0));
    let decryptor = Decryptor::new(Box::new(Counting(Rc::clone(&drawn))));
    let decrypt = |token: &str| {
        decryptor.decrypt(token.as_bytes(), &[certified()], &[], &Unwrapped::default(), NOW).unwrap();
    };
    decrypt(&seal_rsa(""));
    assert!(drawn.get() >= 256, "{} random bytes are too few to blind 2048 bits", drawn.get());
}

#[test]
fn a_second_has_its_ration() {
    let mut proxy = Proxy::new();
    assert_eq!(proxy.left(), 16);
    let (waiting, token) = (Unwrapped::default(), seal_rsa(""));
    assert_eq!(proxy.decrypt(&token, &waiting), BUSY);
    let wrapped = seal(r#"{"alg":"A256KW","enc":"A128GCM"}"#, &wrap(&CONTENT_KEY), &CONTENT_KEY);
    assert_eq!(proxy.decrypt(&wrapped, &Unwrapped::default()), Ok(()), "what needs no RSA is not rationed");
    proxy.now = Timestamp::from_millis(NOW.as_millis() + 999);
    assert_eq!(proxy.decrypt(&token, &waiting), BUSY);
    proxy.now = Timestamp::from_millis(NOW.as_millis() + 1000);
    assert_eq!(proxy.decrypt(&token, &waiting), Ok(()), "nothing was remembered of being busy");
    assert_eq!(proxy.left(), 15);
}

#[test]
fn a_request_that_is_decided_again_takes_nothing() {
    let proxy = Proxy::new();
    let (unwrapped, token) = (Unwrapped::default(), seal_rsa(""));
    for _ in 0..50 {
        assert_eq!(proxy.decrypt(&token, &unwrapped), Ok(()));
    }
    assert_eq!(proxy.left(), 15);
    assert_eq!(proxy.decrypt(&token, &unwrapped), Ok(()), "also when nothing is left");
}

#[test]
fn a_failure_is_remembered_too() {
    let proxy = Proxy::new();
    let token = seal(r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#, &[1; 256], &CONTENT_KEY);
    let unwrapped = Unwrapped::default();
    for _ in 0..50 {
        assert_eq!(proxy.decrypt(&token, &unwrapped), FAILED);
    }
    assert_eq!(proxy.left(), 15);
}

#[test]
fn a_request_has_one_operation() {
    let encrypted_key = encrypt_rsa(PRIVATE_KEY, Oaep::new::<Sha1>(), &CONTENT_KEY);
    // Each would open with what the first operation came to.
    let with = |header: &str| seal(header, &encrypted_key, &CONTENT_KEY);
    let good = with(r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#);
    let others = [
        ("other bytes", seal_rsa("")),
        ("another key", with(r#"{"alg":"RSA-OAEP","enc":"A128GCM","kid":"other"}"#)),
        ("another hash", with(r#"{"alg":"RSA-OAEP-256","enc":"A128GCM"}"#)),
    ];
    for (what, other) in others {
        let (proxy, unwrapped) = (Proxy::new(), Unwrapped::default());
        assert_eq!(proxy.decrypt(&good, &unwrapped), Ok(()));
        assert_eq!(proxy.decrypt(&other, &unwrapped), FAILED, "{what}");
        assert_eq!(proxy.decrypt(&good, &unwrapped), Ok(()), "{what}: the first is still known");
        assert_eq!(proxy.left(), 15, "{what}");
    }
}

#[test]
fn what_anybody_can_see_to_be_no_token_takes_nothing() {
    let proxy = Proxy::new();
    let good = seal_rsa("");
    let parts: Vec<_> = good.split('.').collect();
    let with = |index: usize, part: &[u8]| {
        let part = URL_SAFE_NO_PAD.encode(part);
        let mut parts = parts.clone();
        parts[index] = &part;
        parts.join(".")
    };
    let cbc = |text: &[u8]| {
        join(r#"{"alg":"RSA-OAEP","enc":"A128CBC-HS256"}"#, [&[1; 256], &[3; 16], text, &[1; 16]])
    };
    for token in [
        with(0, br#"{"alg":"RSA1_5","enc":"A128GCM"}"#),
        with(0, br#"{"alg":"RSA-OAEP","enc":"A128GCM","zip":"DEF"}"#),
        with(1, &[1; 255]),
        with(1, &[1; 257]),
        with(1, &[]),
        with(2, &[3; 16]),
        with(4, &[3; 12]),
        cbc(&[]),
        cbc(&[1; 15]),
        cbc(&[1; 17]),
        format!("{good}=="),
    ] {
        assert_eq!(proxy.decrypt(&token, &Unwrapped::default()), FAILED, "{token:.60}");
    }
    assert_eq!(proxy.left(), 16);
    let proxy = Proxy::new();
    assert_eq!(proxy.decrypt(&cbc(&[1; 16]), &Unwrapped::default()), FAILED);
    assert_eq!(proxy.left(), 15, "this one might have been a token");
}
