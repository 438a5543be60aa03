//! A request under construction: from the members of a token to the bytes of its header lines, with a place for a mutation at
//! every stage.

use super::json;
use super::world::{Base, Origin};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use validate_jwt_cli::signing::{SigningKey, base64url};

/// A part of a compact token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Header,
    Payload,
    Signature,
}

impl Part {
    /// Its place between the dots.
    pub(super) fn index(self) -> usize {
        match self {
            Self::Header => 0,
            Self::Payload => 1,
            Self::Signature => 2,
        }
    }
}

pub(super) type Bytes = Vec<u8>;
type Change = Arc<dyn Fn(Bytes) -> Bytes + Send + Sync>;
type Edit = Arc<dyn Fn(&mut Members, i64) + Send + Sync>;
type Sign = Arc<dyn Fn(&[u8]) -> Bytes + Send + Sync>;
type Carry = Arc<dyn Fn(Bytes) -> Vec<Bytes> + Send + Sync>;

/// What a mutation changes. Stages follow each other in this order; what comes before the signature is signed.
#[derive(Clone)]
enum Step {
    /// Members of header or payload; the time of the request is there for dates.
    Members(Part, Edit),
    /// The JSON text of header or payload.
    Json(Part, Change),
    /// A part in its base64url form.
    Encoded(Part, Change),
    /// Who signs.
    Sign(Sign),
    /// The signature, for another that verifies as well.
    Equivalent(Change),
    /// The bytes of the signature.
    Signature(Change),
    /// The whole token.
    Text(Change),
    /// From the token to the values of `Authorization`, each a line of its own.
    Carry(Carry),
}

/// One change, and how it is told.
#[derive(Clone)]
pub(super) struct Mutation {
    pub(super) name: String,
    step: Step,
}

impl fmt::Debug for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Mutation {
    pub(super) fn members(
        name: impl Into<String>,
        part: Part,
        edit: impl Fn(&mut Members, i64) + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), step: Step::Members(part, Arc::new(edit)) }
    }

    /// The same under another name.
    pub(super) fn told(self, name: String) -> Self {
        Self { name, ..self }
    }

    pub(super) fn json(
        name: impl Into<String>,
        part: Part,
        change: impl Fn(Bytes) -> Bytes + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), step: Step::Json(part, Arc::new(change)) }
    }

    pub(super) fn encoded(
        name: impl Into<String>,
        part: Part,
        change: impl Fn(Bytes) -> Bytes + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), step: Step::Encoded(part, Arc::new(change)) }
    }

    pub(super) fn signed(
        name: impl Into<String>,
        sign: impl Fn(&[u8]) -> Bytes + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), step: Step::Sign(Arc::new(sign)) }
    }

    /// Signed by this key, whatever the header says.
    pub(super) fn signed_by(name: impl Into<String>, key: SigningKey) -> Self {
        Self::signed(name, move |message| key.signature(message).unwrap())
    }

    /// Another signature of the same, by the arithmetic of the algorithm.
    pub(super) fn equivalent(
        name: impl Into<String>,
        change: impl Fn(Bytes) -> Bytes + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), step: Step::Equivalent(Arc::new(change)) }
    }

    pub(super) fn signature(
        name: impl Into<String>,
        change: impl Fn(Bytes) -> Bytes + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), step: Step::Signature(Arc::new(change)) }
    }

    pub(super) fn text(
        name: impl Into<String>,
        change: impl Fn(Bytes) -> Bytes + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), step: Step::Text(Arc::new(change)) }
    }

    pub(super) fn carried(
        name: impl Into<String>,
        carry: impl Fn(Bytes) -> Vec<Bytes> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), step: Step::Carry(Arc::new(carry)) }
    }
}

/// The members of an object as they are written: names with their quotes, in any order, more than once if need be.
#[derive(Clone, Debug)]
pub(super) struct Members(pub(super) Vec<(String, String)>);

impl Members {
    fn parse(text: &[u8]) -> Self {
        let members = json::members(text).unwrap().into_iter();
        Self(members.map(|(name, value)| (quoted(&name), value)).collect())
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        let name = quoted(name);
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name, value.to_owned())),
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        let name = quoted(name);
        self.0.retain(|(known, _)| *known != name);
    }

    fn text(&self) -> Bytes {
        let members: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    }
}

pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// What comes of a base and its mutations.
#[derive(Debug)]
pub(super) struct Sent {
    /// The values of `Authorization`.
    pub(super) values: Vec<Bytes>,
    /// Whether the token is, to the letter, what the key of the base has signed.
    pub(super) genuine: bool,
}

/// Applies the mutations. Of a token that somebody else signed, the signature stays as it was, whatever is changed under it.
pub(super) fn build(base: &Base, mutations: &[Mutation], now: i64) -> Sent {
    let given: Option<Vec<&str>> = match &base.origin {
        Origin::Signed(_) => None,
        Origin::Given(token) => Some(token.split('.').collect()),
    };
    let part = |part: Part, own: Value| match &given {
        Some(parts) => Members::parse(&decode(parts[part.index()])),
        None => Members::parse(own.to_string().as_bytes()),
    };
    let mut objects = [part(Part::Header, base.header()), part(Part::Payload, base.claims(now))];
    for mutation in mutations {
        if let Step::Members(part, edit) = &mutation.step {
            edit(&mut objects[part.index()], now);
        }
    }
    let [header, payload] = objects.map(|object| object.text());
    let header = change(header, mutations, |step| of_json(step, Part::Header));
    let payload = change(payload, mutations, |step| of_json(step, Part::Payload));
    let encode =
        |bytes: &[u8], part| change(base64url(bytes).into_bytes(), mutations, |step| of_encoded(step, part));
    let mut text = [encode(&header, Part::Header), encode(&payload, Part::Payload)].join(&b'.');
    let (own, is_over_this) = match &base.origin {
        Origin::Signed(key) => (key.signature(&text).unwrap(), true),
        Origin::Given(token) => {
            let (signed, signature) = token.rsplit_once('.').unwrap();
            (decode(signature), signed.as_bytes() == text)
        }
    };
    let own = change(own, mutations, |step| {
        let Step::Equivalent(change) = step else { return None };
        Some(change)
    });
    let genuine = [text.as_slice(), b".", base64url(&own).as_bytes()].concat();
    let other_signer = mutations.iter().rev().find_map(|mutation| {
        let Step::Sign(sign) = &mutation.step else { return None };
        Some(sign(&text))
    });
    let signature = change(other_signer.unwrap_or(own), mutations, |step| {
        let Step::Signature(change) = step else { return None };
        Some(change)
    });
    text.push(b'.');
    text.extend(encode(&signature, Part::Signature));
    let text = change(text, mutations, |step| {
        let Step::Text(change) = step else { return None };
        Some(change)
    });
    let genuine = is_over_this && text.trim_ascii() == genuine;
    let carry = mutations.iter().rev().find_map(|mutation| {
        let Step::Carry(carry) = &mutation.step else { return None };
        Some(carry)
    });
    let values = match carry {
        Some(carry) => carry(text),
        None => vec![[b"Bearer ", text.as_slice()].concat()],
    };
    Sent { values, genuine }
}

fn change(bytes: Bytes, mutations: &[Mutation], of_stage: impl Fn(&Step) -> Option<&Change>) -> Bytes {
    let changes = mutations.iter().filter_map(|mutation| of_stage(&mutation.step));
    changes.fold(bytes, |bytes, change| change(bytes))
}

fn of_json(step: &Step, of: Part) -> Option<&Change> {
    let Step::Json(part, change) = step else { return None };
    (*part == of).then_some(change)
}

fn of_encoded(step: &Step, of: Part) -> Option<&Change> {
    let Step::Encoded(part, change) = step else { return None };
    (*part == of).then_some(change)
}

fn decode(text: &str) -> Bytes {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
