//! A provider's part in what the VMs of the process tell each other.
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{InFlight, MAX_ISSUERS, Provider, ProviderSettings, Step};
use crate::{
    issuer::Issuer,
    jwk::KeySet,
    keys::{
        clock::Moment,
        fetch::FetchError,
        schedule::MAX_BACKOFF,
        sharing::{Answer, Documents, Lease, Record, Sharing, Written},
    },
    time::Timestamp,
};

/// How often in one tick the right to fetch is asked for, when others change the record meanwhile.
const MAX_CLAIMS: usize = 4;

impl Provider {
    /// Shares what it learns with the VMs that read answers by the same rules: what is a failure or an answer to one is that to
    /// all of them. A configuration of other rules begins with the documents that lie under the URL and the cluster alone, and
    /// goes its own way from there.
    pub(in crate::keys) fn share(&mut self, sharing: &Sharing) {
        let kind = if self.configured_issuer().is_some() { "key-set" } else { "discovery" };
        let issuer = self.configured_issuer().map_or("", Issuer::as_str);
        let url = self.settings.url.to_string();
        let ProviderSettings { cluster, clusters, limits, schedule, .. } = &self.settings;
        let rules = Sha256::digest(format!("{clusters:?} {limits:?} {}", schedule.timeout.as_millis()));
        let rules = URL_SAFE_NO_PAD.encode(rules);
        let commons = sharing.provider(&[kind, issuer, &url, cluster]);
        self.entries = sharing.provider(&[kind, issuer, &url, cluster, &rules]);
        self.commons = commons;
    }

    /// Takes over what other VMs learnt since it was looked at last.
    pub(in crate::keys) fn learn(&mut self, sharing: &Sharing, moment: Moment) -> Option<Step> {
        let is_new = self.published.is_empty();
        let (record, _) = sharing.record(&self.entries);
        let step = self.follow(record, sharing, moment);
        // What was fetched by other rules may be newer than what these ones left, too: an update may be taken back.
        if !is_new || !self.begin_with_commons(sharing, moment) {
            return step;
        }
        Some(step.unwrap_or(Step::EndedElsewhere { for_unknown_key: false }))
    }

    /// Begins with what configurations of other rules fetched, if it is newer than what there is; whoever cannot use it fetches,
    /// as without it.
    fn begin_with_commons(&mut self, sharing: &Sharing, moment: Moment) -> bool {
        let known = self.published.first().map(|newest| newest.since);
        let has_begun = matches!(self.adopt(&self.commons.clone(), known, sharing, moment), Ok(true));
        if has_begun && self.failures == 0 {
            self.schedule_refresh();
        }
        has_begun
    }

    /// Leaves the fetch that goes on to another VM: nobody will hear its answer here.
    pub(in crate::keys) fn release(&mut self, sharing: &Sharing) {
        if let Some(fetch) = self.in_flight.take() {
            self.give_back(&fetch, sharing);
        }
    }

    /// Gives the right to fetch back, as if this fetch had never begun.
    pub(super) fn give_back(&mut self, fetch: &InFlight, sharing: &Sharing) {
        let given_back = sharing.change_record(&self.entries, |record| {
            let is_own = record.lease.is_some_and(|lease| lease.holder == sharing.holder());
            let before = if fetch.for_unknown_key { &fetch.follows } else { record };
            let last_fetch_for_key = before.last_fetch_for_key;
            is_own.then_some(Record { lease: None, last_fetch_for_key, ..*record })
        });
        if fetch.for_unknown_key {
            self.last_fetch_for_key = fetch.last_fetch_for_key;
        }
        if let Some(record) = given_back {
            self.seen = record;
            sharing.announce();
        }
    }

    /// Asks for the right to fetch; gives what the VMs had told each other before, or nothing when another one has the right, or
    /// has fetched meanwhile.
    pub(super) fn claim(
        &mut self,
        sharing: &Sharing,
        moment: Moment,
        steps: &mut Vec<Step>,
    ) -> Option<Record> {
        let now = moment.steady();
        for _ in 0..MAX_CLAIMS {
            let (record, check) = sharing.record(&self.entries);
            steps.extend(self.follow(record, sharing, moment));
            if !self.is_due(now) {
                return None;
            }
            let until = moment.shown_at(self.deadline(now)).as_millis();
            let for_key = self.key_wanted.then(|| moment.shown_at(now).as_millis());
            let claimed = Record {
                lease: Some(Lease { holder: sharing.holder(), until }),
                last_fetch_for_key: for_key.or(record.last_fetch_for_key),
                ..record
            };
            // Where nothing is shared, each VM fetches for itself.
            if sharing.write_record(&self.entries, &claimed, check) != Written::Conflict {
                self.leased_until = None;
                self.seen = claimed;
                return Some(record);
            }
        }
        None
    }

    /// Whether another VM has the right to fetch by now.
    pub(super) fn is_leased_to_another(&self, sharing: &Sharing) -> bool {
        let (record, _) = sharing.record(&self.entries);
        record.lease.is_some_and(|lease| lease.holder != sharing.holder())
    }

    /// What ends a fetch that took so long that another VM had the right to fetch after it, and has brought newer documents: what
    /// this one brings would take keys away that the provider has published since.
    pub(super) fn overtaken(
        &mut self,
        fetch: &InFlight,
        sharing: Option<&Sharing>,
        moment: Moment,
    ) -> Option<Step> {
        let sharing = sharing?;
        let (record, _) = sharing.record(&self.entries);
        let is_own = record.lease.is_some_and(|lease| lease.holder == sharing.holder());
        if is_own && record.published != self.seen.published {
            // The answer of a fetch before this one came late. This one's end will be what was seen last.
            let _adopted = self.adopt(&self.entries.clone(), None, sharing, moment);
        }
        if is_own || record.published == fetch.follows.published {
            return None;
        }
        let step = self.follow(record, sharing, moment);
        Some(step.unwrap_or(Step::EndedElsewhere { for_unknown_key: false }))
    }

    /// The fetch goes on with a second request.
    pub(super) fn renew_lease(&mut self, until: Timestamp, sharing: &Sharing, moment: Moment) {
        let until = moment.shown_at(until).as_millis();
        sharing.change_record(&self.entries, |record| {
            let lease = record.lease.filter(|lease| lease.holder == sharing.holder())?;
            Some(Record { lease: Some(Lease { until, ..lease }), ..*record })
        });
    }

    /// Tells the other VMs what the provider answered.
    pub(super) fn tell_answer(
        &mut self,
        issuer: &Issuer,
        answer: Answer,
        for_unknown_key: bool,
        sharing: &Sharing,
        moment: Moment,
    ) {
        let documents = self.with_earlier_issuers(issuer, answer, sharing, moment);
        // Before the record that says they are there.
        sharing.write_documents(&self.entries, &documents);
        sharing.write_documents(&self.commons, &documents);
        let told = sharing.change_record(&self.entries, |record| {
            let lease = record.lease.filter(|lease| lease.holder != sharing.holder());
            let published = record.published.wrapping_add(1);
            Some(Record { published, failures: 0, lease, ..ended(record, for_unknown_key) })
        });
        self.seen = told.unwrap_or(self.seen);
        sharing.announce();
    }

    /// Tells the other VMs that the fetch failed.
    pub(super) fn tell_failure(&mut self, for_unknown_key: bool, sharing: &Sharing, moment: Moment) {
        let next_attempt = moment.shown_at(self.next_fetch).as_millis();
        let told = sharing.change_record(&self.entries, |record| {
            let is_own = record.lease.is_some_and(|lease| lease.holder == sharing.holder());
            let failures = self.failures;
            let failed = Record { failures, next_attempt, lease: None, ..ended(record, for_unknown_key) };
            is_own.then_some(failed)
        });
        self.seen = told.unwrap_or(self.seen);
        sharing.announce();
    }

    /// The answer with the newest one of each other issuer that the provider named before, as long as its keys may be used.
    fn with_earlier_issuers(
        &self,
        issuer: &Issuer,
        answer: Answer,
        sharing: &Sharing,
        moment: Moment,
    ) -> Documents {
        let max_stale = self.settings.schedule.max_stale;
        let max_bytes = self.settings.limits.max_response_bytes;
        // What this configuration began with lies with the others' alone, until something is fetched by its own rules.
        let known = [&self.entries, &self.commons].map(|entries| sharing.documents(entries, max_bytes));
        // The newest first. There are few: `sort` is six kilobytes of code.
        let mut earlier: Vec<Answer> = Vec::new();
        for answer in
            known.into_iter().flatten().flat_map(|Documents(answers)| answers.into_iter().take(MAX_ISSUERS))
        {
            let arrived = arrival(&answer, moment);
            let place = earlier.partition_point(|known| arrival(known, moment) >= arrived);
            earlier.insert(place, answer);
        }
        let mut issuers = vec![issuer.clone()];
        let mut answers = vec![answer];
        for earlier in earlier {
            if arrival(&earlier, moment).after(max_stale) >= moment.steady()
                && let Ok(Some((issuer, _))) = self.read(&earlier)
                && !issuers.contains(&issuer)
            {
                issuers.push(issuer);
                answers.push(earlier);
            }
        }
        answers.truncate(MAX_ISSUERS);
        Documents(answers)
    }

    /// Takes over a record, as far as it is news.
    fn follow(&mut self, record: Record, sharing: &Sharing, moment: Moment) -> Option<Step> {
        let now = moment.steady();
        let seen = std::mem::replace(&mut self.seen, record);
        let shown = |milliseconds| moment.steady_at(Timestamp::from_millis(milliseconds));
        self.leased_until = record.lease.filter(|lease| lease.holder != sharing.holder()).map(|lease| {
            // What lies further ahead than it can was written before the clock was set back; it comes no nearer by looking.
            let until = shown(lease.until).min(self.deadline(now));
            let known = self.leased_until.filter(|_| seen.lease == record.lease);
            known.map_or(until, |known| known.min(until))
        });
        // Taken over once: what lies ahead, because the clock was set back, must not stay ahead.
        if record.last_fetch_for_key != seen.last_fetch_for_key {
            self.last_fetch_for_key = record.last_fetch_for_key.map(|last| shown(last).min(now));
        }
        if record.ended == seen.ended {
            return None;
        }
        let for_unknown_key = record.ended_for_key != seen.ended_for_key;
        if record.published != seen.published {
            // What cannot be read here could not have been there: somebody else wrote it, or it is gone.
            let Ok(true) = self.adopt(&self.entries.clone(), None, sharing, moment) else {
                return None;
            };
        }
        self.key_wanted = false;
        self.failures = record.failures;
        if record.failures == 0 {
            self.schedule_refresh();
        } else {
            self.next_fetch = shown(record.next_attempt).min(now.after(MAX_BACKOFF));
        }
        Some(Step::EndedElsewhere { for_unknown_key })
    }

    /// Takes over what another VM fetched; false when there is no newest answer that is for this configuration, or none that came
    /// after `known`, an error when there is one that it may not use.
    fn adopt(
        &mut self,
        entries: &str,
        known: Option<Timestamp>,
        sharing: &Sharing,
        moment: Moment,
    ) -> Result<bool, FetchError> {
        let max_bytes = self.settings.limits.max_response_bytes;
        let Some(Documents(answers)) = sharing.documents(entries, max_bytes) else {
            return Ok(false);
        };
        let mut answers = answers.iter().take(MAX_ISSUERS);
        let is_news = |newest: &&Answer| known.is_none_or(|known| arrival(newest, moment) > known);
        let Some(newest) = answers.next().filter(is_news) else {
            return Ok(false);
        };
        let Some((issuer, keys)) = self.read(newest)? else {
            return Ok(false);
        };
        for earlier in answers.rev() {
            // Whose use was allowed once, perhaps.
            if let Ok(Some((issuer, keys))) = self.read(earlier) {
                self.publish(issuer, keys, arrival(earlier, moment));
            }
        }
        self.publish(issuer, keys, arrival(newest, moment));
        Ok(true)
    }

    /// Reads an answer that another VM had, with the same strictness as one that comes here; `None` when its keys came by another
    /// cluster than they would here.
    fn read(&self, answer: &Answer) -> Result<Option<(Issuer, KeySet)>, FetchError> {
        let (cluster, issuer) = if let Some(issuer) = self.configured_issuer() {
            (self.settings.cluster.clone(), issuer.clone())
        } else {
            let (cluster, discovery) = self.read_discovery(&answer.discovery)?;
            (cluster, discovery.issuer)
        };
        if cluster != answer.cluster {
            return Ok(None);
        }
        let keys = KeySet::parse(&answer.keys).map_err(FetchError::KeySet)?;
        Ok(Some((issuer, keys)))
    }
}

/// When an answer came, in this VM's time.
fn arrival(answer: &Answer, moment: Moment) -> Timestamp {
    moment.steady_at(answer.at).min(moment.steady())
}

/// The record after one more fetch.
fn ended(record: &Record, for_unknown_key: bool) -> Record {
    Record {
        ended: record.ended.wrapping_add(1),
        ended_for_key: record.ended_for_key.wrapping_add(u64::from(for_unknown_key)),
        ..*record
    }
}
