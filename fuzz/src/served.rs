//! What was served to the filter: which keys may vouch for a token, by whose word, and until when.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use validate_jwt::{discovery::Discovery, jwk::KeySet};

use crate::proxy::{Callout, Response};

/// Documents that the filter may have taken.
#[derive(Debug, Default)]
pub struct Served {
    sets: Vec<Set>,
    named: Vec<Named>,
    /// Where each plugin fetches next, when the last thing that it got was a discovery document.
    led: BTreeMap<u32, Named>,
    /// What the filter has taken is not told by what it was served alone: others wrote shared data, or it could not be read.
    pub is_disturbed: bool,
    /// Ages cannot be told by the clock.
    pub is_clock_set: bool,
    /// How many plugins there were.
    pub plugins: usize,
}

/// A key set that was served.
#[derive(Debug)]
pub struct Set {
    /// Its keys, as they stand there.
    pub keys: Vec<Map<String, Value>>,
    place: Place,
    at: u64,
    /// Whose it is; unknown when no discovery document led to it.
    issuer: Option<String>,
    /// Its bytes, of which a configuration bears only so many.
    size: usize,
    /// Whether it is a key set at all.
    is_usable: bool,
}

/// Where keys lie, by a discovery document.
#[derive(Clone, Debug)]
struct Named {
    issuer: String,
    place: Place,
}

/// `:authority` and `:path`
type Place = (String, String);

/// What a configuration says of answers.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// `fetch.max-stale`, in milliseconds.
    pub max_stale: u64,
    /// `fetch.max-response-bytes`
    pub max_bytes: usize,
    /// Whether there is one provider, with a discovery document.
    pub is_single: bool,
}

impl Served {
    /// Takes an answer that is delivered to the filter at `now`. Only one with status 200 counts.
    pub fn deliver(&mut self, callout: &Callout, response: &Response, now: u64) {
        let place = (callout.authority.clone(), callout.path.clone());
        let led = self.led.remove(&callout.context).filter(|named| named.place == place);
        if status(response) != Some(200) {
            return;
        }
        let issuer = led.map(|named| named.issuer);
        let is_answer_for_keys = issuer.is_some();
        self.take_set(&response.body, place.clone(), issuer, now);
        if let Some(named) = self.take_discovery(&response.body)
            && !is_answer_for_keys
        {
            // Which of the two an answer is would be a guess.
            self.is_disturbed |= named.place == place;
            self.led.insert(callout.context, named);
        }
    }

    /// Takes what another worker wrote into the shared data under `key`.
    pub fn share(&mut self, key: &[u8], value: &[u8], now: u64) {
        self.is_disturbed = true;
        if key.ends_with(b"/documents") {
            for (discovery, keys) in shared_documents(value) {
                let place = match self.take_discovery(discovery) {
                    Some(named) => named.place,
                    None => Place::default(),
                };
                self.take_set(keys, place, None, now);
            }
        }
    }

    fn take_set(&mut self, body: &[u8], place: Place, issuer: Option<String>, at: u64) {
        let Ok(document) = serde_json::from_slice::<Value>(body) else { return };
        let Some(keys) = document.get("keys").and_then(Value::as_array) else { return };
        let keys = keys.iter().filter_map(Value::as_object).cloned().collect();
        let is_usable = KeySet::parse(body).is_ok();
        self.sets.push(Set { keys, place, at, issuer, size: body.len(), is_usable });
    }

    fn take_discovery(&mut self, body: &[u8]) -> Option<Named> {
        let discovery = Discovery::parse(body).ok()?;
        let place = (discovery.jwks_uri.authority(), discovery.jwks_uri.target().to_owned());
        let named = Named { issuer: discovery.issuer.as_str().to_owned(), place };
        self.named.push(named.clone());
        Some(named)
    }

    /// The key sets that may still be used at `now` on these terms: none that is too old, and none after which the same provider
    /// published another of the same issuer. Where that cannot be told for sure, they are all.
    pub fn usable(&self, terms: Terms, now: u64) -> Vec<&Set> {
        let is_told = !self.is_disturbed && !self.is_clock_set;
        let is_fresh = |set: &Set| !is_told || now <= set.at + terms.max_stale;
        let is_ordered = is_told && self.plugins == 1 && terms.is_single;
        let is_replaced = |index: usize, set: &Set| {
            is_ordered
                && self.sets[index + 1..].iter().any(|later| {
                    later.issuer.is_some()
                        && later.issuer == set.issuer
                        && later.is_usable
                        && later.size <= terms.max_bytes
                })
        };
        let sets = self.sets.iter().enumerate();
        sets.filter(|(index, set)| is_fresh(set) && !is_replaced(*index, set)).map(|(_, set)| set).collect()
    }

    /// Whether a discovery document that names `iss`, whose `tid` is `tenant`, leads to the place of `set`.
    pub fn is_of(&self, set: &Set, iss: &str, tenant: &str) -> bool {
        let names = |named: &Named| named.issuer.replace("{tenantid}", tenant).eq_ignore_ascii_case(iss);
        self.named.iter().any(|named| named.place == set.place && names(named))
    }
}

/// The status, as the filter reads it.
fn status(response: &Response) -> Option<u16> {
    let (_, status) = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(b":status"))?;
    std::str::from_utf8(status).ok()?.parse().ok()
}

/// The discovery documents and key sets of an entry of the shared data.
fn shared_documents(value: &[u8]) -> Vec<(&[u8], &[u8])> {
    let Some(end) = value.iter().position(|byte| *byte == b'\n') else { return Vec::new() };
    let (contents, mut rest) = (&value[..end], &value[end + 1..]);
    let contents: Vec<Value> = serde_json::from_slice(contents).unwrap_or_default();
    let mut documents = Vec::new();
    for answer in contents {
        let mut take = |member: &str| {
            let size = usize::try_from(answer[member].as_u64()?).ok()?;
            let (taken, left) = rest.split_at_checked(size)?;
            rest = left;
            Some(taken)
        };
        let (Some(discovery), Some(keys)) = (take("discovery"), take("keys")) else { break };
        documents.push((discovery, keys));
    }
    documents
}
