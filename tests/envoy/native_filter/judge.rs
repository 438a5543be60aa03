//! Compares the verdicts, and holds every difference against the list.

use super::differences::{Difference, PASSES_HERE, PASSES_THERE};
use super::draft::Part;
use super::mutations::Case;
use super::reading::Reading;
use super::runner::{Outcome, Verdict};
use super::world::Worlds;
use std::collections::{BTreeMap, BTreeSet};

/// What the comparison came to.
#[derive(Debug, Default)]
pub(super) struct Judgement {
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
    /// Differences that no case needed.
    pub(super) fn stale(&self) -> Vec<&'static str> {
        let listed = PASSES_THERE.iter().chain(&PASSES_HERE).map(|difference| difference.name);
        listed.filter(|name| !self.explained.contains_key(name)).collect()
    }
}

/// Judges every outcome; `details` is what the access log has about each request to this filter.
pub(super) fn judge(
    worlds: &Worlds,
    cases: &[Case],
    outcomes: &[Outcome],
    details: &BTreeMap<String, String>,
) -> Judgement {
    let mut judgement = Judgement::default();
    for outcome in outcomes {
        let case = &cases[outcome.number];
        let reading = Reading::of(&worlds.all[case.world], &outcome.sent.values);
        let details = details.get(&outcome.own_id()).map(String::as_str).unwrap_or_default();
        let reason = details.strip_prefix("validate_jwt{").and_then(|rest| rest.strip_suffix('}'));
        let reason = reason.unwrap_or_default();
        let (own, native) = (&outcome.own, &outcome.native);
        if case.must_pass(worlds) && !(own.allows && native.allows) {
            judgement.wrong.push(tell(worlds, case, outcome, &reading, reason));
            continue;
        }
        let (list, refusal): (&[Difference], &str) = match (own.allows, native.allows) {
            (true, true) => {
                judgement.allowed += 1;
                continue;
            }
            (false, false) => {
                judgement.refused += 1;
                // Whatever a caller sends is answered in the caller's terms: the keys are there.
                if own.status != native.status.min(401) {
                    judgement.wrong.push(tell(worlds, case, outcome, &reading, reason));
                }
                continue;
            }
            (false, true) => (&PASSES_THERE, reason),
            // Nothing explains that a token passes here alone that no trusted key has signed as it is.
            (true, false) if !outcome.sent.genuine => (&[], &native.text),
            (true, false) => (&PASSES_HERE, &native.text),
        };
        let names: BTreeSet<&str> = (list.iter())
            .filter(|difference| difference.explains(&reading, refusal))
            .map(|difference| difference.name)
            .collect();
        match (names.first(), names.len()) {
            (Some(name), 1) => *judgement.explained.entry(name).or_default() += 1,
            (Some(_), _) => {}
            (None, _) => judgement.wrong.push(tell(worlds, case, outcome, &reading, reason)),
        }
    }
    judgement
}

/// Everything that is needed to try it again by hand. The keys live for this test alone.
fn tell(worlds: &Worlds, case: &Case, outcome: &Outcome, reading: &Reading<'_>, reason: &str) -> String {
    let verdict = |name: &str, verdict: &Verdict, word: &str| {
        let does = if verdict.allows { "lets it through" } else { "refuses it" };
        format!("  {name} {does}: {} {word}", verdict.status)
    };
    let text = |name: &str, part| {
        let decoded = reading.decoded(part).unwrap_or_default();
        format!("  {name}: {}", decoded.escape_ascii().to_string().replace("\\\"", "\""))
    };
    let alike = PASSES_THERE.iter().chain(&PASSES_HERE).filter(|difference| (difference.holds)(reading));
    let alike: Vec<&str> = alike.map(|difference| difference.name).collect();
    let mut lines = vec![
        format!("case {}, {}", outcome.number, case.describe(worlds)),
        verdict("jwt_authn", &outcome.native, &outcome.native.text),
        verdict("validate-jwt", &outcome.own, reason),
    ];
    lines
        .extend(outcome.sent.values.iter().map(|value| format!("  authorization: {}", value.escape_ascii())));
    lines.extend([text("header", Part::Header), text("payload", Part::Payload)]);
    lines.push(format!("  listed with another verdict or another word: [{}]", alike.join(", ")));
    lines.extend(reading.keys().iter().take(3).map(|jwk| format!("  key: {jwk}")));
    lines.join("\n") + "\n"
}
