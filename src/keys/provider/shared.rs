//! A provider's part in what the VMs of the process tell each other.

use super::{InFlight, MAX_ISSUERS, Provider, Step};
use crate::{
    discovery::Discovery,
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
    /// Shares what it learns with the other VMs, under its URL and its cluster: neither another configuration of the plugin nor
    /// other providers make it another.
    pub(in crate::keys) fn share(&mut self, sharing: &Sharing) {
        let kind = if self.configured_issuer().is_some() { "key-set" } else { "discovery" };
        let issuer = self.configured_issuer().map_or("", Issuer::as_str);
        let url = self.settings.url.to_string();
        self.entries = sharing.provider(&[kind, issuer, &url, &self.settings.cluster]);
    }

    /// Takes over what other VMs learnt since it was looked at last.
    pub(in crate::keys) fn learn(&mut self, sharing: &Sharing, moment: Moment) -> Option<Step> {
        let (record, _) = sharing.record(&self.entries);
        self.follow(record, sharing, moment)
    }

    /// Gives the right to fetch back, with the fetch: nobody will hear its answer.
    pub(in crate::keys) fn release(&mut self, sharing: &Sharing) {
        let Some(given_up) = self.in_flight.take() else {
            return;
        };
        let released = sharing.change_record(&self.entries, |record| {
            let is_own = record.lease.is_some_and(|lease| lease.holder == sharing.holder());
            // What was not fetched does not count for the interval.
            let last_fetch_for_key = record.last_fetch_for_key.filter(|_| !given_up.for_unknown_key);
            is_own.then_some(Record { lease: None, last_fetch_for_key, ..*record })
        });
        if released.is_some() {
            sharing.announce();
        }
    }

    /// Asks for the right to fetch; false when another VM has it, or has fetched meanwhile.
    pub(super) fn claim(&mut self, sharing: &Sharing, moment: Moment, steps: &mut Vec<Step>) -> bool {
        let now = moment.steady();
        for _ in 0..MAX_CLAIMS {
            let (record, check) = sharing.record(&self.entries);
            steps.extend(self.follow(record, sharing, moment));
            if !self.is_due(now) {
                return false;
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
                return true;
            }
        }
        false
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
        if is_own || record.published == fetch.follows {
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
        answer: Answer,
        for_unknown_key: bool,
        sharing: &Sharing,
        moment: Moment,
    ) {
        let documents = self.with_earlier_issuers(answer, sharing, moment);
        // Before the record that says they are there.
        sharing.write_documents(&self.entries, &documents);
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
            // Who took too long has lost the right, and another's fetch says more.
            let is_own = record.lease.is_some_and(|lease| lease.holder == sharing.holder());
            let failures = self.failures;
            let failed = Record { failures, next_attempt, lease: None, ..ended(record, for_unknown_key) };
            is_own.then_some(failed)
        });
        self.seen = told.unwrap_or(self.seen);
        sharing.announce();
    }

    /// The answer with the newest one of each other issuer that the provider named before, as long as its keys may be used.
    fn with_earlier_issuers(&self, answer: Answer, sharing: &Sharing, moment: Moment) -> Documents {
        let issuer_of = |answer: &Answer| Discovery::parse(&answer.discovery).ok().map(|found| found.issuer);
        let issuer = issuer_of(&answer);
        let max_stale = self.settings.schedule.max_stale;
        let earlier = sharing.documents(&self.entries, self.settings.limits.max_response_bytes);
        let earlier = earlier.into_iter().flat_map(|Documents(answers)| answers).filter(|earlier| {
            let found = issuer_of(earlier);
            found.is_some() && found != issuer && arrival(earlier, moment).after(max_stale) >= moment.steady()
        });
        Documents(std::iter::once(answer).chain(earlier).take(MAX_ISSUERS).collect())
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
        let last_fetch_for_key = record.last_fetch_for_key.map(|last| shown(last).min(now));
        self.last_fetch_for_key = self.last_fetch_for_key.max(last_fetch_for_key);
        if record.ended == seen.ended {
            return None;
        }
        let for_unknown_key = record.ended_for_key != seen.ended_for_key;
        if record.published != seen.published
            && let Err(error) = self.adopt(sharing, moment)
        {
            // What another configuration of the plugin made of it does not suit this one, which has to see for itself.
            self.back_off(now);
            return Some(Step::Ended {
                result: Err(error),
                for_unknown_key,
                took: std::time::Duration::ZERO,
            });
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

    /// Takes over what another VM fetched, with the same strictness as what this one fetches.
    fn adopt(&mut self, sharing: &Sharing, moment: Moment) -> Result<(), FetchError> {
        let max_bytes = self.settings.limits.max_response_bytes;
        let Some(Documents(answers)) = sharing.documents(&self.entries, max_bytes) else {
            return Ok(());
        };
        for answer in answers.iter().take(MAX_ISSUERS).rev() {
            let issuer = match self.configured_issuer() {
                Some(issuer) => issuer.clone(),
                None => self.read_discovery(&answer.discovery)?.1.issuer,
            };
            let keys = KeySet::parse(&answer.keys).map_err(FetchError::KeySet)?;
            self.publish(issuer, keys, arrival(answer, moment));
        }
        Ok(())
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
