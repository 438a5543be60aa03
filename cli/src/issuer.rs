//! A local OpenID issuer in the shapes of Microsoft Entra ID, for playing and testing.
//!
//! It stands in for `login.microsoftonline.com` and its relatives behind plain HTTP and tells them apart by the `Host`
//! header, as the documents of the real ones name `https` addresses on those hosts. Its keys are random and live as
//! long as the process. It hands a token to anyone who asks, so it listens on this machine only unless told otherwise.

pub mod contoso;
mod mint;
mod server;
mod sites;

pub use mint::{Mint, MintError, Shape};
pub use server::serve;
pub use sites::NotFound;

use crate::signing::{Algorithm, RSA_BITS, SigningError, SigningKey};
use std::thread;

/// The keys of every provider that the issuer plays.
///
/// Each provider has its own, as the real ones do: a B2C user flow and a B2C custom policy do not share keys either.
#[derive(Clone, Debug)]
pub struct Issuer {
    workforce: KeySet,
    consumers: SigningKey,
    user_flows: KeySet,
    custom_policies: KeySet,
    external_id: KeySet,
    plain: KeySet,
}

/// What a provider publishes: the key in use, and one that is not, as during every rotation.
#[derive(Clone, Debug)]
struct KeySet {
    idle: SigningKey,
    active: SigningKey,
}

impl KeySet {
    fn generate(rsa_bits: usize) -> Result<Self, SigningError> {
        Ok(Self { idle: rsa_key(rsa_bits)?, active: rsa_key(rsa_bits)? })
    }

    /// The idle key first, so that a reader who takes the first key is wrong at once.
    fn keys(&self) -> [&SigningKey; 2] {
        [&self.idle, &self.active]
    }
}

fn rsa_key(bits: usize) -> Result<SigningKey, SigningError> {
    SigningKey::generate_with_rsa_bits(Algorithm::Rs256, bits)
}

impl Issuer {
    /// An issuer with new random keys.
    pub fn generate() -> Result<Self, SigningError> {
        Self::generate_with_rsa_bits(RSA_BITS)
    }

    /// As [`generate`](Self::generate), with RSA keys of another size.
    pub fn generate_with_rsa_bits(bits: usize) -> Result<Self, SigningError> {
        // Finding primes takes what little time the start takes, so each set has its own thread.
        thread::scope(|scope| {
            let set = || {
                let thread = scope.spawn(move || KeySet::generate(bits));
                move || thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            let (workforce, user_flows, custom_policies) = (set(), set(), set());
            let (external_id, plain) = (set(), set());
            Ok(Self {
                consumers: rsa_key(bits)?,
                workforce: workforce()?,
                user_flows: user_flows()?,
                custom_policies: custom_policies()?,
                external_id: external_id()?,
                plain: plain()?,
            })
        })
    }

    /// The key that signs tokens of a shape.
    pub fn signing_key(&self, shape: Shape) -> &SigningKey {
        match shape {
            Shape::EntraV2 | Shape::EntraV1 => &self.workforce.active,
            Shape::B2c => &self.user_flows.active,
            Shape::ExternalId => &self.external_id.active,
            Shape::Plain => &self.plain.active,
        }
    }
}
