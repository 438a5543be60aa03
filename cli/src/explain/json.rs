//! What is explained, for scripts.

use super::documents::KeyReport;
use super::remedies;
use super::told::{Told, Verdict};
use serde_json::{Value, json};
use validate_jwt::decision::{Decision, Passage};
use validate_jwt::explain::{Advice, Explanation, Finding, Prospect, Standing, Step, date};

/// One document.
pub(super) fn render(told: &Told<'_>) -> String {
    let (refused, because) = (told.refused(), told.because());
    let passage = match &told.decision {
        Decision::Allow { passage: Passage::Validated(_), .. } => Some("validated"),
        Decision::Allow { passage: Passage::Anonymous, .. } => Some("anonymous"),
        Decision::Allow { passage: Passage::ReportOnly { .. }, .. } => Some("report-only"),
        Decision::Refuse { .. } | Decision::AwaitKeys { .. } => None,
    };
    let policies: Vec<_> = told
        .account
        .policies
        .iter()
        .map(|(policy, explanation)| of_policy(&policy.name, explanation))
        .collect();
    let document = json!({
        "decision": verdict(told.verdict()),
        "passage": passage,
        "reason": because.map(|rejection| rejection.reason().name()),
        "message": because.map(ToString::to_string),
        "policy": refused.and_then(|refused| refused.policy).map(|(name, _)| name),
        "answer": told.reply.as_ref().map(|reply| json!({ "status": reply.status, "details": reply.details })),
        "at": date::rfc3339(told.now),
        "rule": told.account.rule,
        "keys": told.keys.iter().map(of_keys).collect::<Vec<_>>(),
        "policies": policies,
    });
    format!("{document:#}\n")
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::Deny => "deny",
        Verdict::Undecided => "undecided",
    }
}

fn of_keys(report: &KeyReport) -> Value {
    json!({
        "url": report.url,
        "keys": report.result.as_ref().ok(),
        "error": report.result.as_ref().err(),
        "note": report.note,
    })
}

fn of_policy(name: &str, explanation: &Explanation) -> Value {
    json!({
        "name": name,
        "checks": explanation.steps.iter().map(of_step).collect::<Vec<_>>(),
        "hints": explanation.advice.iter().map(of_advice).collect::<Vec<_>>(),
        "later-hints": explanation.later.iter().map(of_advice).collect::<Vec<_>>(),
        "remedy": remedies::of(explanation),
    })
}

fn of_advice(advice: &Advice) -> Value {
    json!({ "id": format!("H{}", advice.number), "cause": advice.cause, "remedy": advice.remedy })
}

fn of_step(step: &Step) -> Value {
    let (result, problem) = match &step.finding {
        Finding::Passed => ("pass", None),
        Finding::Failed(rejection) => ("fail", Some(rejection)),
        Finding::Undecided => ("undecided", None),
        Finding::NotReached(Prospect::Unknown) => ("not-reached", None),
        Finding::NotReached(Prospect::WouldPass) => ("would-pass", None),
        Finding::NotReached(Prospect::WouldFail(rejection)) => ("would-fail", Some(rejection)),
    };
    let claims = step.standing.map(|standing| match standing {
        Standing::Verified => "verified",
        Standing::NotVerified => "not-verified",
    });
    json!({
        "check": step.name,
        "expected": step.expected,
        "actual": (!step.actual.is_empty()).then_some(&step.actual),
        "result": result,
        "reason": problem.map(|rejection| rejection.reason().name()),
        "problem": problem.map(ToString::to_string),
        "claims": claims,
    })
}
