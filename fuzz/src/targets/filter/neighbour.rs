//! Another worker's VM that means well, as far as it shows in the shared data: it takes the right to fetch, and perhaps dies with
//! it; its fetches end, well or ill, and what they bring may be older than what is known, or newer.

use serde_json::{Map, Value, json};

use crate::{
    input::Choices,
    provider::good_answer,
    proxy::{self, Callout},
    signers::{ED25519, NEXT, RSA},
    targets::PUBLISHED,
};

/// What it is called in leases.
const HOLDER: u64 = 4711;

/// Does something about one of the providers that the shared data tells of.
pub(super) fn act(steps: &mut Choices<'_>) {
    let records: Vec<_> = proxy::with(|proxy| {
        let records = proxy.shared.iter().filter(|(key, _)| key.ends_with(b"/record"));
        records.map(|(key, (value, _))| (key.clone(), value.clone())).collect()
    });
    let Some((key, record)) = records.get(steps.below(records.len().max(1))) else { return };
    let Some(provider) = key.strip_suffix(b"/record") else { return };
    // What is no object is rubbish that somebody wrote.
    let Ok(mut record) = serde_json::from_slice::<Map<String, Value>>(record) else { return };
    let now = proxy::with(|proxy| proxy.now);
    let mut set = |name: &str, value: Value| drop(record.insert(name.to_owned(), value));
    let lease = |milliseconds: u64| json!({ "holder": HOLDER, "until": now + milliseconds });
    match steps.below(5) {
        0 => set("lease", lease(6_000)),
        // Before the clock was set back.
        1 => set("lease", lease(90_000_000)),
        2 => {
            let sets: [&[usize]; 4] = [&PUBLISHED, &[NEXT], &[ED25519, NEXT], &[RSA]];
            let set_of_keys = sets[steps.below(sets.len())];
            let ages = [0, 1_000, 3_600_000, 90_000_000];
            let at = now.saturating_sub(ages[steps.below(ages.len())]);
            if let Some(documents) = documents(provider, set_of_keys, at) {
                write(&[provider, b"/documents"].concat(), &documents);
            }
            set("failures", json!(0));
            set("lease", Value::Null);
            for name in ["ended", "published"] {
                add_one(&mut record, name);
            }
        }
        3 => {
            set("last_fetch_for_key", json!(now));
            set("lease", lease(6_000));
        }
        _ => {
            set("next_attempt", json!(now + 30_000));
            set("lease", Value::Null);
            for name in ["ended", "ended_for_key", "failures"] {
                add_one(&mut record, name);
            }
        }
    }
    write(key, Value::Object(record).to_string().as_bytes());
    announce(provider);
}

fn add_one(record: &mut Map<String, Value>, name: &str) {
    let number = record.get(name).and_then(Value::as_u64).unwrap_or(0);
    record.insert(name.to_owned(), json!(number.saturating_add(1)));
}

/// Has the others look: any write changes the check value of the plugin's entry, whose name the provider's begins with.
fn announce(provider: &[u8]) {
    let plugin = proxy::with(|proxy| {
        let names = proxy.shared.keys().filter(|key| provider.starts_with(key) && key.len() < provider.len());
        names.max_by_key(|key| key.len()).cloned()
    });
    let name = plugin.or_else(|| {
        let at = provider.windows(2).position(|pair| pair == b"][")?;
        provider.get(..=at).map(<[u8]>::to_vec)
    });
    if let Some(name) = name {
        write(&name, &HOLDER.to_le_bytes());
    }
}

/// An entry of documents, as the provider that means well would have answered at `at`; `None` when its name does not say where
/// it is.
fn documents(provider: &[u8], signers: &[usize], at: u64) -> Option<Vec<u8>> {
    let begin = provider.windows(2).position(|pair| pair == b"][")? + 1;
    let identity: Vec<String> = serde_json::from_slice(&provider[begin..]).ok()?;
    let [kind, _issuer, url, cluster, _rules] = &identity[..] else { return None };
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/')?);
    let asked = |path: &str| Callout {
        context: 0,
        cluster: cluster.clone(),
        scheme: scheme.to_owned(),
        authority: authority.to_owned(),
        path: path.to_owned(),
        deadline: 0,
    };
    let discovery = match kind.as_str() {
        "discovery" => good_answer(&asked(path), signers).body,
        _ => Vec::new(),
    };
    let keys = good_answer(&asked("/keys"), signers).body;
    let contents =
        json!([{ "at": at, "discovery": discovery.len(), "keys": keys.len(), "cluster": cluster }]);
    Some([contents.to_string().as_bytes(), b"\n", &discovery, &keys].concat())
}

fn write(key: &[u8], value: &[u8]) {
    proxy::with(|proxy| proxy.share_of_another(key, value));
}
