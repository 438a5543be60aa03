//! What the VMs of one proxy process tell each other through shared data: which of them fetches, how the last fetch ended, and
//! what the providers answered.
//!
//! A proxy runs a VM on each worker thread, and none sees the memory of another. For each provider there are two entries: a
//! small [`Record`], changed by compare-and-swap, and the [`Documents`], which are read only when the record says that they are
//! new. One more entry of the plugin's is written whenever a record has news: its check value is all that is read in between.

use std::{fmt, rc::Rc, str::FromStr};

use crate::{
    json::{Json, Object, quoted},
    time::Timestamp,
};

/// The form of the entries: another version of the filter in the same process reads and writes others.
const FORM: &str = "validate_jwt.1";

/// How often a change is tried that other VMs come before. Each attempt that fails is one that succeeded elsewhere.
const MAX_ATTEMPTS: usize = 16;

/// Data that is common to the VMs of one proxy process, by name: an entry has a value, and a check value that every write
/// changes.
pub trait SharedData: fmt::Debug {
    /// The entry; `None` when there is none, or the proxy shares nothing.
    fn read(&self, name: &str) -> Option<Entry>;

    /// Writes an entry, if the check allows it.
    fn write(&self, name: &str, value: &[u8], check: Check) -> Written;
}

/// An entry as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Vec<u8>,
    /// Names this version of it.
    pub check: u32,
}

/// On what condition an entry is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// There is none yet.
    Absent,
    /// Nobody wrote it since it was read with this check value.
    Unchanged(u32),
    /// None.
    Any,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The entry is written.
    Stored,
    /// Another VM was first.
    Conflict,
    /// The proxy does not share data.
    Unshared,
}

/// One VM's part in the shared data of a plugin.
#[derive(Clone, Debug)]
pub struct Sharing {
    data: Rc<dyn SharedData>,
    plugin: String,
    holder: u64,
}

impl Sharing {
    /// The part of a VM, which the random number `holder` tells from the others, in the data of the plugin that `identity` names:
    /// plugins of different identities share nothing.
    pub fn new(data: Rc<dyn SharedData>, identity: &[&str], holder: u64) -> Self {
        Self { data, plugin: name(FORM, identity), holder }
    }

    /// Names the VM in leases.
    pub(super) fn holder(&self) -> u64 {
        self.holder
    }

    /// What the entries of a provider begin with.
    pub(super) fn provider(&self, identity: &[&str]) -> String {
        name(&self.plugin, identity)
    }

    /// Changes whenever a record of the plugin has news.
    pub(super) fn generation(&self) -> Option<u32> {
        self.data.read(&self.plugin).map(|entry| entry.check)
    }

    /// Has the other VMs read the records.
    pub(super) fn announce(&self) {
        // What counts is the check value, which this changes.
        self.data.write(&self.plugin, &self.holder.to_le_bytes(), Check::Any);
    }

    /// The record of a provider: what it says, and the condition under which it may be replaced.
    pub(super) fn record(&self, provider: &str) -> (Record, Check) {
        match self.data.read(&format!("{provider}/record")) {
            // What cannot be read is nobody's record, and is written over.
            Some(entry) => (Record::parse(&entry.value).unwrap_or_default(), Check::Unchanged(entry.check)),
            None => (Record::default(), Check::Absent),
        }
    }

    /// Writes a provider's record, if nobody did since it was read.
    pub(super) fn write_record(&self, provider: &str, record: &Record, check: Check) -> Written {
        self.data.write(&format!("{provider}/record"), record.serialize().as_bytes(), check)
    }

    /// Changes a provider's record as `change` says, which gets what stands there and may leave it alone by `None`. What was
    /// written comes back; `None` when nothing was, or there is no end of changes by others.
    pub(super) fn change_record(
        &self,
        provider: &str,
        mut change: impl FnMut(&Record) -> Option<Record>,
    ) -> Option<Record> {
        for _ in 0..MAX_ATTEMPTS {
            let (record, check) = self.record(provider);
            let changed = change(&record)?;
            if self.write_record(provider, &changed, check) != Written::Conflict {
                return Some(changed);
            }
        }
        None
    }

    /// What a provider answered, as it was written last; `None` when there is nothing, or more than `max_bytes` each.
    pub(super) fn documents(&self, provider: &str, max_bytes: usize) -> Option<Documents> {
        let entry = self.data.read(&format!("{provider}/documents"))?;
        Documents::parse(&entry.value).filter(|documents| documents.is_within(max_bytes))
    }

    /// Writes what a provider answered.
    pub(super) fn write_documents(&self, provider: &str, documents: &Documents) {
        self.data.write(&format!("{provider}/documents"), &documents.serialize(), Check::Any);
    }
}

/// A name that no other list of parts has.
fn name(prefix: &str, parts: &[&str]) -> String {
    let parts: Vec<_> = parts.iter().map(|part| quoted(part)).collect();
    format!("{prefix}[{}]", parts.join(","))
}

/// How the fetches of a provider stand, for every VM. Times are the clock's, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// How many fetches ended.
    pub(super) ended: u64,
    /// How many of them an unknown `kid` had caused.
    pub(super) ended_for_key: u64,
    /// The number of the documents that the last good one brought; 0 before there are any.
    pub(super) published: u64,
    /// How many failed since then.
    pub(super) failures: u32,
    /// After a failure, when the next one may start.
    pub(super) next_attempt: i64,
    /// When the last one started that an unknown `kid` had caused.
    pub(super) last_fetch_for_key: Option<i64>,
    /// Who fetches.
    pub(super) lease: Option<Lease>,
}

impl Record {
    fn serialize(&self) -> String {
        let Self { ended, ended_for_key, published, failures, next_attempt, .. } = self;
        let last_fetch_for_key = self.last_fetch_for_key.map_or_else(null, |at| at.to_string());
        let lease = self
            .lease
            .map_or_else(null, |Lease { holder, until }| format!(r#"{{"holder":{holder},"until":{until}}}"#));
        format!(
            r#"{{"ended":{ended},"ended_for_key":{ended_for_key},"published":{published},"failures":{failures},"next_attempt":{next_attempt},"last_fetch_for_key":{last_fetch_for_key},"lease":{lease}}}"#
        )
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let members = Json::parse(bytes).ok()?.into_object()?;
        let (last_fetch_for_key, lease) = (members.get("last_fetch_for_key")?, members.get("lease")?);
        let record = Self {
            ended: number(members.get("ended")?)?,
            ended_for_key: number(members.get("ended_for_key")?)?,
            published: number(members.get("published")?)?,
            failures: number(members.get("failures")?)?,
            next_attempt: number(members.get("next_attempt")?)?,
            last_fetch_for_key: if is_null(last_fetch_for_key) {
                None
            } else {
                Some(number(last_fetch_for_key)?)
            },
            lease: if is_null(lease) { None } else { Some(Lease::read(lease)?) },
        };
        (members.iter().count() == 7).then_some(record)
    }
}

impl Lease {
    fn read(value: &Json<'_>) -> Option<Self> {
        let members = object(value)?;
        let lease = Self { holder: number(members.get("holder")?)?, until: number(members.get("until")?)? };
        (members.iter().count() == 2).then_some(lease)
    }
}

fn object<'j, 't>(value: &'j Json<'t>) -> Option<&'j Object<'t>> {
    if let Json::Object(members) = value { Some(members) } else { None }
}

fn number<T: FromStr>(value: &Json<'_>) -> Option<T> {
    if let Json::Number(digits) = value { digits.parse().ok() } else { None }
}

fn null() -> String {
    "null".to_owned()
}

fn is_null(value: &Json<'_>) -> bool {
    matches!(value, Json::Null)
}

/// The right to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    /// The VM that has it.
    pub(super) holder: u64,
    /// When it ends by itself: its holder may die.
    pub(super) until: i64,
}

/// What a provider answered, the newest first: one answer for each issuer that it named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Documents(pub(super) Vec<Answer>);

/// A good answer, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// When it came.
    pub(super) at: Timestamp,
    /// The discovery document; empty when the configuration names the key set itself.
    pub(super) discovery: Vec<u8>,
    /// The key set.
    pub(super) keys: Vec<u8>,
    /// By which cluster the key set came.
    pub(super) cluster: String,
}

/// Of one answer in the first line of an entry of documents; the documents follow that line, one after the other.
struct Contents {
    at: i64,
    discovery: usize,
    keys: usize,
    cluster: String,
}

impl Contents {
    fn read(value: &Json<'_>) -> Option<Self> {
        let members = object(value)?;
        let contents = Self {
            at: number(members.get("at")?)?,
            discovery: number(members.get("discovery")?)?,
            keys: number(members.get("keys")?)?,
            cluster: members.get("cluster")?.as_str()?.to_owned(),
        };
        (members.iter().count() == 4).then_some(contents)
    }
}

impl Documents {
    fn is_within(&self, max_bytes: usize) -> bool {
        self.0.iter().all(|answer| answer.discovery.len() <= max_bytes && answer.keys.len() <= max_bytes)
    }

    fn serialize(&self) -> Vec<u8> {
        let contents = self.0.iter().map(|answer| {
            let (at, cluster) = (answer.at.as_millis(), quoted(&answer.cluster));
            let (discovery, keys) = (answer.discovery.len(), answer.keys.len());
            format!(r#"{{"at":{at},"discovery":{discovery},"keys":{keys},"cluster":{cluster}}}"#)
        });
        let contents: Vec<_> = contents.collect();
        let mut bytes = format!("[{}]\n", contents.join(",")).into_bytes();
        for answer in &self.0 {
            bytes.extend_from_slice(&answer.discovery);
            bytes.extend_from_slice(&answer.keys);
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (contents, mut rest) = bytes.split_at_checked(end.saturating_add(1))?;
        let Json::Array(contents) = Json::parse(contents).ok()? else { return None };
        let mut take = |size| {
            let (taken, left) = rest.split_at_checked(size)?;
            rest = left;
            Some(taken.to_vec())
        };
        let answers = contents.iter().map(|contents| {
            let Contents { at, discovery, keys, cluster } = Contents::read(contents)?;
            let (discovery, keys) = (take(discovery)?, take(keys)?);
            Some(Answer { at: Timestamp::from_millis(at), discovery, keys, cluster })
        });
        let answers = answers.collect::<Option<_>>()?;
        rest.is_empty().then_some(Self(answers))
    }
}
