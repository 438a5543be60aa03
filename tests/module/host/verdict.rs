//! What must hold at the end of every test, whatever it was about.

use super::Host;
use super::abi::Pairs;
use super::state::{Level, Outcome, Phase};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::collections::BTreeSet;

/// A piece of a secret as short as this is one too many.
const PIECE: usize = 20;

/// All pieces of all tokens, signatures and keys that a host has seen.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    pieces: BTreeSet<[u8; PIECE]>,
    /// What was taken apart already: tests send the same token many times.
    whole: BTreeSet<Vec<u8>>,
}

impl Secrets {
    /// One secret more; shorter ones than a piece cannot be told from ordinary text.
    pub(crate) fn add(&mut self, secret: &[u8]) {
        if self.whole.insert(secret.to_vec()) {
            self.pieces.extend(secret.windows(PIECE).map(|piece| <[u8; PIECE]>::try_from(piece).unwrap()));
        }
    }

    /// Everything in a request that can be a token, and what a token says but for issuer and audience, which are in
    /// the configuration as well.
    pub(crate) fn add_request(&mut self, headers: &Pairs) {
        for (name, value) in headers {
            if self.whole.contains(value) {
                continue;
            }
            match name.as_str() {
                ":path" => {
                    let query = value.split(|byte| *byte == b'?').nth(1).unwrap_or_default();
                    query.split(|byte| matches!(byte, b'&' | b'=')).for_each(|text| self.add(text));
                }
                name if name.starts_with(':') => {}
                _ => self.add(value),
            }
            let parts: Vec<_> = value.split(|byte| matches!(byte, b'.' | b' ' | b'=')).collect();
            for part in parts {
                let Ok(json) = URL_SAFE_NO_PAD.decode(part) else { continue };
                if let Ok(Value::Object(claims)) = serde_json::from_slice(&json)
                    && !claims.contains_key("alg")
                {
                    for (claim, value) in claims {
                        if claim != "iss" && claim != "aud" {
                            self.add_strings(&value);
                        }
                    }
                }
            }
        }
    }

    /// The inline keys of a configuration.
    pub(crate) fn add_configuration(&mut self, configuration: &[u8]) {
        let Ok(configuration) = serde_json::from_slice::<Value>(configuration) else { return };
        let keys = configuration.pointer("/validate-jwt/issuer-signing-keys");
        for key in keys.and_then(Value::as_array).into_iter().flatten() {
            for member in ["value", "n"] {
                key.get(member).into_iter().for_each(|value| self.add_strings(value));
            }
        }
    }

    fn add_strings(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text.as_bytes()),
            Value::Array(list) => list.iter().for_each(|value| self.add_strings(value)),
            Value::Object(members) => members.values().for_each(|value| self.add_strings(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The first piece of a secret that is in the text.
    pub(crate) fn find(&self, text: &[u8]) -> Option<String> {
        let piece = text.windows(PIECE).find(|piece| self.pieces.contains(*piece))?;
        Some(String::from_utf8_lossy(piece).into_owned())
    }
}

impl Host {
    /// Ends everything that still runs, as a proxy that shuts down, and says what was wrong in the host's life.
    fn verdict(&mut self) -> Vec<String> {
        let open: Vec<_> = self.store.data().streams.keys().copied().collect();
        for id in open {
            self.close(super::StreamId(id));
        }
        let roots: Vec<_> = self.store.data().roots.keys().copied().collect();
        for id in roots {
            self.remove_root(super::RootId(id));
        }

        let state = self.store.data();
        let mut faults = state.violations.clone();
        faults.extend(self.trap.iter().map(|trap| format!("the VM died: {trap}")));
        for callout in state.callouts.iter().chain(&state.refused_callouts) {
            if callout.by != callout.root || callout.phase != Phase::Running {
                faults.push(format!(
                    "dispatched in {:?} by context {}: {callout:?}",
                    callout.phase, callout.by
                ));
            }
        }
        let mut texts: Vec<(&str, &[u8])> = Vec::new();
        for line in &state.log {
            texts.push(("log", line.text.as_bytes()));
            if line.level == Level::Critical {
                faults.push(format!("critical: {}", line.text));
            }
        }
        for stream in state.finished.values() {
            let Outcome::Replied(reply) = &stream.outcome else { continue };
            texts.push(("reply", &reply.body));
            texts.push(("details", reply.details.as_bytes()));
            texts.extend(reply.headers.iter().map(|(_, value)| ("reply header", value.as_slice())));
        }
        for callout in &state.callouts {
            texts.push(("callout", &callout.body));
            texts.extend(callout.headers.iter().map(|(_, value)| ("callout header", value.as_slice())));
        }
        texts.extend(state.metrics.iter().map(|metric| ("metric", metric.name.as_bytes())));
        texts.extend(state.property_writes.iter().map(|(_, _, value)| ("property", value.as_slice())));
        for (place, text) in texts {
            if let Some(piece) = self.secrets.find(text) {
                let text = String::from_utf8_lossy(text);
                faults.push(format!("{place}: a piece of a token or key, {piece:?}, in {text:?}"));
            }
        }
        faults
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let faults = self.verdict();
        assert!(faults.is_empty(), "{}: {}", self.about, faults.join("\n"));
    }
}

#[test]
fn pieces_of_secrets_are_found_anywhere() {
    let mut secrets = Secrets::default();
    secrets.add(b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl");
    assert_eq!(secrets.find(b"refused: NiJ9.eyJpc3MiOiJ4In0 here").as_deref(), Some("NiJ9.eyJpc3MiOiJ4In0"));
    assert_eq!(secrets.find(b"refused: NiJ9.eyJpc3MiOiJ4In here"), None);
}
