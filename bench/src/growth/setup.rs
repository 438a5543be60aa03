//! What grows, and how it is configured.

use crate::{
    arguments::Effort,
    bootstrap::{openid_config, policy, with_provider},
    provider,
    tokens::{AUDIENCE, Algorithm, Keys, Shape, Size},
};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The most keys of one provider here: the filter takes 256.
const KEYS_OF_A_PROVIDER: usize = 250;

/// The keys of a provider where their number is not what grows.
const USUAL_KEYS: usize = 4;

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// Rules before the one that matches.
    Rules,
    /// Policies, each with a provider and a rule of its own; the last is asked.
    Policies,
    /// Keys of the policy's providers; the last vouches.
    Keys,
    /// Bytes of a token.
    TokenBytes,
    /// Tokens that are in use at the same time, each as often as any other.
    LiveTokens,
    /// Worker threads.
    Workers,
}

impl Subject {
    pub(crate) const ALL: [Self; 6] =
        [Self::Rules, Self::Policies, Self::Keys, Self::TokenBytes, Self::LiveTokens, Self::Workers];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Rules => "Rules, of which the last matches",
            Self::Policies => "Policies, each with a provider and a rule of its own; the last is asked",
            Self::Keys => "Keys, over 250 those of several providers; the last vouches",
            Self::TokenBytes => "Size of a token (ES256)",
            Self::LiveTokens => "Tokens in use at the same time (ES256)",
            Self::Workers => "Workers",
        }
    }

    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Policies => "policies",
            Self::Keys => "keys",
            Self::TokenBytes => "bytes",
            Self::LiveTokens => "live tokens",
            Self::Workers => "workers",
        }
    }

    /// Whether its sizes can share an Envoy: workers are an Envoy's own, and one plugin's hundreds of providers would be busy
    /// fetching while another is measured.
    pub(crate) const fn is_side_by_side(self) -> bool {
        match self {
            Self::Policies | Self::Workers => false,
            Self::Rules | Self::Keys | Self::TokenBytes | Self::LiveTokens => true,
        }
    }

    /// How many workers it takes to measure these sizes.
    pub(crate) fn workers(self, sizes: &[usize]) -> usize {
        if self == Self::Workers { sizes.iter().copied().max().unwrap_or(1) } else { 1 }
    }

    pub(crate) const fn sizes(self, effort: Effort) -> &'static [usize] {
        match (effort, self) {
            (Effort::Smoke, Self::Policies | Self::LiveTokens) => &[3],
            (Effort::Smoke, Self::Workers) => &[2],
            (Effort::Smoke, Self::Rules | Self::Keys | Self::TokenBytes) => &[],
            (Effort::Full, Self::Rules | Self::Keys) => &[1, 10, 100, 1000],
            (Effort::Full, Self::Policies) => &[1, 10, 50, 200],
            (Effort::Full, Self::TokenBytes) => &[512, 1024, 2048, 8192, 32_768],
            (Effort::Full, Self::LiveTokens) => &[1, 100, 1000, 10_000, 100_000],
            (Effort::Full, Self::Workers) => &[1, 2],
        }
    }
}

/// A configuration, and the requests for it.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) subject: Subject,
    pub(crate) size: usize,
    issuer: String,
    configuration: Value,
}

impl Setup {
    pub(crate) fn new(subject: Subject, size: usize) -> Self {
        let providers = match subject {
            Subject::Keys => size.div_ceil(KEYS_OF_A_PROVIDER),
            Subject::Policies => size,
            Subject::Rules | Subject::TokenBytes | Subject::LiveTokens | Subject::Workers => 1,
        };
        let configuration = match subject {
            Subject::Rules => rules(size),
            Subject::Policies => policies(size),
            Subject::Keys => {
                let of_each = size.div_ceil(providers.max(1));
                let all: Vec<Value> = (0..providers).map(|number| openid_config(number, of_each)).collect();
                policy(AUDIENCE, &all)
            }
            Subject::TokenBytes | Subject::LiveTokens | Subject::Workers => {
                policy(AUDIENCE, &[openid_config(0, USUAL_KEYS)])
            }
        };
        let issuer = provider::issuer(providers.saturating_sub(1));
        Self { subject, size, issuer, configuration: with_provider(configuration) }
    }

    /// The plugin's configuration.
    pub(crate) fn configuration(&self) -> String {
        self.configuration.to_string()
    }

    /// The name of its listener.
    pub(crate) fn listener(&self) -> String {
        format!("filter-{}", self.size)
    }

    /// Signs so many tokens, besides the one that is repeated.
    pub(crate) fn tokens(&self, keys: &Keys, distinct: usize, warm: usize) -> Result<Tokens> {
        let algorithm = match self.subject {
            // Small, and soon signed.
            Subject::TokenBytes | Subject::LiveTokens => Algorithm::Es256,
            Subject::Rules | Subject::Policies | Subject::Keys | Subject::Workers => Algorithm::Rs256,
        };
        let size = if self.subject == Subject::TokenBytes { Size::Bytes(self.size) } else { Size::Usual };
        let shape = Shape { algorithm, issuer: &self.issuer, size };
        if self.subject == Subject::LiveTokens {
            return Ok(Tokens {
                live: keys.tokens(shape, 0..self.size)?,
                distinct: Vec::new(),
                warm: Vec::new(),
            });
        }
        let end = distinct.saturating_add(1);
        Ok(Tokens {
            live: vec![keys.token(shape, 0)?],
            distinct: keys.tokens(shape, 1..end)?,
            warm: keys.tokens(shape, end..end.saturating_add(warm))?,
        })
    }
}

/// The tokens of a measurement.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// Those that are used again.
    live: Vec<String>,
    distinct: Vec<String>,
    warm: Vec<String>,
}

impl Tokens {
    /// One that is used again.
    pub(crate) fn repeated(&self) -> Result<&str> {
        self.live.first().map(String::as_str).context("no token")
    }

    /// What goes before: so many of those that are used again, and some that are not.
    pub(crate) fn warm(&self, count: usize) -> Vec<&str> {
        self.live.iter().cycle().take(count).chain(&self.warm).map(String::as_str).collect()
    }

    /// How many are used again.
    pub(crate) fn live(&self) -> usize {
        self.live.len()
    }

    /// Of those that are used again, so many, from all over their number.
    pub(crate) fn hot(&self, count: usize, round: usize) -> Vec<&str> {
        let step = self.live.len().div_ceil(count.max(1)).max(1);
        self.live.iter().cycle().skip(round).step_by(step).take(count).map(String::as_str).collect()
    }

    /// Whether there are any that were never used.
    pub(crate) fn has_cold(&self) -> bool {
        !self.distinct.is_empty()
    }

    /// So many that were never used; none, where only those are of interest that are used again.
    pub(crate) fn cold(&self, count: usize, round: usize) -> Vec<&str> {
        self.distinct.iter().skip(round.saturating_mul(count)).take(count).map(String::as_str).collect()
    }
}

/// One policy, and rules of which the last matches.
fn rules(count: usize) -> Value {
    let before = (1..count)
        .map(|number| json!({ "match": { "path-prefix": format!("/area-{number}") }, "policy": "only" }));
    let rules: Vec<Value> = before.chain([json!({ "match": {}, "policy": "only" })]).collect();
    json!({ "policies": { "only": policy(AUDIENCE, &[openid_config(0, USUAL_KEYS)]) }, "rules": rules })
}

/// Policies, each with a provider and a rule of its own; the last matches whatever the others do not.
fn policies(count: usize) -> Value {
    let name = |number: usize| format!("policy-{number}");
    let policies: Map<String, Value> = (0..count)
        .map(|number| (name(number), policy(AUDIENCE, &[openid_config(number, USUAL_KEYS)])))
        .collect();
    let last = count.saturating_sub(1);
    let before = (0..last).map(
        |number| json!({ "match": { "path-prefix": format!("/area-{number}") }, "policy": name(number) }),
    );
    let rules: Vec<Value> = before.chain([json!({ "match": {}, "policy": name(last) })]).collect();
    json!({ "policies": policies, "rules": rules })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rule_matches_everything() {
        for (configuration, count) in [(rules(10), 10), (policies(10), 10), (rules(1), 1), (policies(1), 1)] {
            let rules = configuration["rules"].as_array().unwrap();
            assert_eq!(rules.len(), count);
            assert_eq!(rules.last().unwrap()["match"], json!({}));
        }
        assert_eq!(policies(10)["policies"].as_object().unwrap().len(), 10);
        assert_eq!(policies(10)["rules"][9]["policy"], "policy-9");
    }

    #[test]
    fn tokens_in_use_are_taken_from_all_over() {
        let tokens = |live: usize| Tokens {
            live: (0..live).map(|number| number.to_string()).collect(),
            distinct: ["a", "b", "c", "d"].map(str::to_owned).into(),
            warm: vec!["w".to_owned()],
        };
        assert_eq!(tokens(1).hot(3, 1), ["0", "0", "0"]);
        assert_eq!(tokens(100).hot(4, 0), ["0", "25", "50", "75"]);
        assert_eq!(tokens(100).hot(4, 1), ["1", "26", "51", "76"]);
        assert_eq!(tokens(2).cold(2, 1), ["c", "d"]);
        assert_eq!(tokens(3).warm(2), ["0", "1", "w"]);
        assert_eq!(tokens(1).warm(2), ["0", "0", "w"]);
    }
}
