//! Compares the verdicts, and holds every difference against the list.

use super::differences::{Difference, PASSES_HERE, passes_there};
use super::draft::Part;
use super::mutations::Case;
use super::reading::Reading;
use super::runner::{Outcome, Verdict};
use super::world::Worlds;
use std::collections::{BTreeMap, BTreeSet};

/// What the comparison came to.
#[derive(Debug)]
pub(super) struct Judgement {
    /// What the native filter of this Envoy is known to let through.
    there: Vec<&'static Difference>,
    /// Differences that the list does not explain, and whatever else must not be.
    pub(super) wrong: Vec<String>,
    /// Requests that both let through.
    pub(super) allowed: usize,
    /// Requests that both refused.
    pub(super) refused: usize,
    /// How many cases nothing but this difference explains.
    pub(super) explained: BTreeMap<&'static str, usize>,
}

impl Judgement {
    fn new(envoy: (u32, u32)) -> Self {
        let (wrong, explained) = (Vec::new(), BTreeMap::new());
        Self { there: passes_there(envoy), wrong, allowed: 0, refused: 0, explained }
    }

    fn listed(&self) -> impl Iterator<Item = &'static Difference> {
        self.there.iter().copied().chain(&PASSES_HERE)
    }

    /// Differences that no case needed.
    pub(super) fn stale(&self) -> Vec<&'static str> {
        let listed = self.listed().map(|difference| difference.name);
        listed.filter(|name| !self.explained.contains_key(name)).collect()
    }
}

/// Judges every outcome of an Envoy of this version; `details` is what the access log has about each request to this filter.
pub(super) fn judge(
    envoy: (u32, u32),
    worlds: &Worlds,
    cases: &[Case],
    outcomes: &[Outcome],
    details: &BTreeMap<String, String>,
) -> Judgement {
    let mut judgement = Judgement::new(envoy);
    let here: Vec<&Difference> = PASSES_HERE.iter().collect();
    for outcome in outcomes {
        let case = &cases[outcome.number];
        let reading = Reading::of(&worlds.all[case.world], &outcome.sent.values);
        let details = details.get(&outcome.own_id()).map(String::as_str).unwrap_or_default();
        let reason = details.strip_prefix("validate_jwt{").and_then(|rest| rest.strip_suffix('}'));
        let reason = reason.unwrap_or_default();
        let (own, native) = (&outcome.own, &outcome.native);
        if case.must_pass(worlds) && !(own.allows && native.allows) {
            judgement.wrong.push(judgement.tell(worlds, case, outcome, &reading, reason));
            continue;
        }
        let (list, refusal): (&[&Difference], &str) = match (own.allows, native.allows) {
            (true, true) => {
                judgement.allowed += 1;
                continue;
            }
            (false, false) => {
                judgement.refused += 1;
                // Whatever a caller sends is answered in the caller's terms: the keys are there.
                if own.status != native.status.min(401) {
                    judgement.wrong.push(judgement.tell(worlds, case, outcome, &reading, reason));
                }
                continue;
            }
            (false, true) => (&judgement.there, reason),
            // Nothing explains that a token passes here alone that no trusted key has signed as it is.
            (true, false) if !outcome.sent.genuine => (&[], &native.text),
            (true, false) => (&here, &native.text),
        };
        let names: BTreeSet<&str> = (list.iter())
            .filter(|difference| difference.explains(&reading, refusal))
            .map(|difference| difference.name)
            .collect();
        match (names.first(), names.len()) {
            (Some(name), 1) => *judgement.explained.entry(name).or_default() += 1,
            (Some(_), _) => {}
            (None, _) => judgement.wrong.push(judgement.tell(worlds, case, outcome, &reading, reason)),
        }
    }
    judgement
}

impl Judgement {
    /// Everything that is needed to try it again by hand. The keys live for this test alone.
    fn tell(
        &self,
        worlds: &Worlds,
        case: &Case,
        outcome: &Outcome,
        reading: &Reading<'_>,
        reason: &str,
    ) -> String {
        let verdict = |name: &str, verdict: &Verdict, word: &str| {
            let does = if verdict.allows { "lets it through" } else { "refuses it" };
            format!("  {name} {does}: {} {word}", verdict.status)
        };
        let text = |name: &str, part| {
            let decoded = reading.decoded(part).unwrap_or_default();
            format!("  {name}: {}", decoded.escape_ascii().to_string().replace("\\\"", "\""))
        };
        let alike = self.listed().filter(|difference| (difference.holds)(reading));
        let alike: Vec<&str> = alike.map(|difference| difference.name).collect();
        let mut lines = vec![
            format!("case {}, {}", outcome.number, case.describe(worlds)),
            verdict("jwt_authn", &outcome.native, &outcome.native.text),
            verdict("validate-jwt", &outcome.own, reason),
        ];
        lines.extend(
            outcome.sent.values.iter().map(|value| format!("  authorization: {}", value.escape_ascii())),
        );
        lines.extend([text("header", Part::Header), text("payload", Part::Payload)]);
        lines.push(format!("  listed with another verdict or another word: [{}]", alike.join(", ")));
        lines.extend(reading.keys().iter().take(3).map(|jwk| format!("  key: {jwk}")));
        lines.join("\n") + "\n"
    }
}
