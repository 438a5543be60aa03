//! Which keys could vouch for an issuer when a token of his was verified last: the answer is the same while the keys are, and to
//! find it takes longer the more providers a policy has.

use std::{cell::RefCell, collections::BTreeMap};

use super::ProviderId;

/// How many issuers are known at a time, those of one tenant each; when there are more, all are forgotten.
pub const MAX_KNOWN_ISSUERS: usize = 1024;

/// The most bytes of an issuer and its tenant that is remembered. What a provider lets its users write into their tokens must not
/// fill the memory; a real one has some hundred.
pub const MAX_KNOWN_ISSUER_BYTES: usize = 1024;

/// One thing that a provider published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The provider.
    pub provider: ProviderId,
    /// The position in [`Provider::published`](super::Provider::published); `None` while there is nothing.
    pub publication: Option<usize>,
}

/// Whose tokens they are, and who asks.
#[derive(Clone, Copy, Debug)]
pub struct TokensOf<'t> {
    /// The policy's position in its configuration.
    pub policy: usize,
    /// `iss`
    pub issuer: &'t str,
    /// `tid`
    pub tenant: Option<&'t str>,
}

/// The issuers of verified tokens, and what vouched for them.
#[derive(Debug, Default)]
pub(super) struct KnownIssuers(RefCell<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The state of the keys for which all of it counts.
    epoch: u64,
    places: BTreeMap<Vec<u8>, Vec<Place>>,
}

impl KnownIssuers {
    /// What vouches for these tokens, if that is known of the keys as they are now.
    pub(super) fn find(&self, tokens: TokensOf<'_>, epoch: u64) -> Option<Vec<Place>> {
        let known = self.0.borrow();
        if known.epoch == epoch { known.places.get(&tokens.name()).cloned() } else { None }
    }

    /// Remembers what vouched for a token that was verified.
    pub(super) fn remember(&self, tokens: TokensOf<'_>, epoch: u64, places: Vec<Place>) {
        let name = tokens.name();
        if name.len() > MAX_KNOWN_ISSUER_BYTES {
            return;
        }
        let mut known = self.0.borrow_mut();
        if known.epoch != epoch || known.places.len() >= MAX_KNOWN_ISSUERS {
            *known = Known { epoch, places: BTreeMap::new() };
        }
        known.places.insert(name, places);
    }
}

impl TokensOf<'_> {
    /// A text that is another one for other tokens.
    fn name(self) -> Vec<u8> {
        let tenant = self.tenant.map_or(&[][..], str::as_bytes);
        let (policy, issuer) = (self.policy.to_le_bytes(), self.issuer.as_bytes());
        let length = issuer.len().to_le_bytes();
        [&policy[..], &length, &[u8::from(self.tenant.is_some())], issuer, tenant].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(number: usize) -> Vec<Place> {
        vec![Place { provider: ProviderId::new(number % 256).unwrap(), publication: Some(0) }]
    }

    #[test]
    fn tokens_are_told_apart_by_everything() {
        let known = KnownIssuers::default();
        let own = TokensOf { policy: 1, issuer: "a", tenant: Some("bc") };
        known.remember(own, 7, places(1));
        assert_eq!(known.find(own, 7), Some(places(1)));
        assert_eq!(known.find(own, 8), None);
        for other in [
            TokensOf { policy: 2, ..own },
            TokensOf { issuer: "b", ..own },
            TokensOf { tenant: Some("b"), ..own },
            TokensOf { tenant: None, ..own },
            TokensOf { issuer: "ab", tenant: Some("c"), ..own },
            TokensOf { issuer: "abc", tenant: None, ..own },
            TokensOf { issuer: "abc", tenant: Some(""), ..own },
        ] {
            assert_eq!(known.find(other, 7), None, "{other:?}");
        }
    }

    #[test]
    fn other_keys_make_all_of_it_forgotten() {
        let known = KnownIssuers::default();
        let [one, two] = ["a", "b"].map(|issuer| TokensOf { policy: 0, issuer, tenant: None });
        known.remember(one, 1, places(1));
        known.remember(two, 2, places(2));
        assert_eq!((known.find(one, 1), known.find(one, 2)), (None, None));
        assert_eq!(known.find(two, 2), Some(places(2)));
    }

    #[test]
    fn a_long_one_is_not_remembered() {
        let known = KnownIssuers::default();
        let around = TokensOf { policy: 0, issuer: "", tenant: Some("") }.name().len();
        for (length, is_known) in
            [(MAX_KNOWN_ISSUER_BYTES - around, true), (MAX_KNOWN_ISSUER_BYTES - around + 1, false)]
        {
            let tenant = "t".repeat(length);
            let tokens = TokensOf { policy: 0, issuer: "", tenant: Some(&tenant) };
            known.remember(tokens, 1, places(1));
            assert_eq!(known.find(tokens, 1).is_some(), is_known, "{length}");
        }
    }

    #[test]
    fn so_many_are_known() {
        let known = KnownIssuers::default();
        for number in 0..=MAX_KNOWN_ISSUERS {
            let issuer = number.to_string();
            known.remember(TokensOf { policy: 0, issuer: &issuer, tenant: None }, 1, places(number));
            let expected = if number < MAX_KNOWN_ISSUERS { number + 1 } else { 1 };
            assert_eq!(known.0.borrow().places.len(), expected);
        }
    }
}
