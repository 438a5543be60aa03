//! What is explained, for people.

use super::documents::KeyReport;
use super::remedies;
use super::told::{Told, Verdict};
use validate_jwt::decision::{Decision, Passage, Quorum};
use validate_jwt::explain::{Advice, Finding, Prospect, Standing, Step, date};
use validate_jwt::route::Ambiguous;

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    is_coloured: bool,
}

/// What a word says.
#[derive(Clone, Copy, Debug)]
enum Tone {
    Good,
    Bad,
    Open,
    Quiet,
}

impl Palette {
    pub(super) fn new(is_coloured: bool) -> Self {
        Self { is_coloured }
    }

    /// SGR of ECMA-48.
    fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31;1",
            Tone::Open => "33",
            Tone::Quiet => "2",
        };
        if self.is_coloured { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// How wide the word is that a check comes to, and its name at most.
const WORD: usize = 11;
const NAME: usize = 24;

/// All of it.
pub(super) fn render(told: &Told<'_>, palette: Palette) -> String {
    let mut text = headline(told, palette);
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    if let Some(reply) = &told.reply {
        line(&format!("  answer   {}, {}", reply.status, reply.details));
    }
    let host =
        told.request.host.as_deref().map_or_else(String::new, |host| format!(", host {}", shown(host)));
    line(&format!(
        "  request  {} {}{host}, at {}",
        told.request.method.escape_default(),
        told.request.path().escape_default(),
        date::rfc3339(told.now)
    ));
    line(&format!("  rule     {}", rule(told)));
    for report in told.keys {
        line(&format!("  keys     {}", keys(report)));
    }
    for (policy, explanation) in &told.account.policies {
        line("");
        line(&format!("policy {}", policy.name.escape_default()));
        let is_verified =
            explanation.steps.iter().any(|step| step.name == "signature" && step.finding == Finding::Passed);
        if !is_verified && explanation.steps.iter().any(|step| step.standing.is_some()) {
            line("  The signature is NOT verified: what the token claims may be anybody's words.");
        }
        let width = explanation.steps.iter().map(|step| step.name.len()).max().unwrap_or(0).min(NAME);
        for step in &explanation.steps {
            line(&of_step(step, width, palette));
        }
        for advice in &explanation.advice {
            line(&hint(advice));
        }
        if let Some(remedy) = remedies::of(explanation) {
            line(&format!("  remedy: {remedy}"));
        }
        if !explanation.later.is_empty() {
            line("  When that is mended, of the checks after it:");
        }
        for advice in &explanation.later {
            line(&hint(advice));
        }
    }
    text
}

fn headline(told: &Told<'_>, palette: Palette) -> String {
    let because = told.because().map(|rejection| format!("{}: {rejection}", rejection.reason()));
    match (&told.decision, told.verdict()) {
        (Decision::Allow { passage: Passage::Validated(_), .. }, _) => {
            format!("{}: the token is good\n", palette.paint(Tone::Good, "allowed"))
        }
        (Decision::Allow { passage: Passage::Anonymous, .. }, _) => {
            format!("{}: no token is needed here\n", palette.paint(Tone::Good, "allowed"))
        }
        (Decision::Allow { passage: Passage::ReportOnly { .. }, .. }, _) => format!(
            "{}: the policy only reports; else it would be refused: {}\n",
            palette.paint(Tone::Good, "allowed"),
            because.unwrap_or_default()
        ),
        (Decision::Refuse { .. }, Verdict::Undecided) if told.is_guessed() => format!(
            "{}: a key set does not say whose it is: give the discovery documents, too, or --fetch\n",
            palette.paint(Tone::Open, "undecided")
        ),
        (Decision::AwaitKeys { .. } | Decision::Refuse { .. }, Verdict::Undecided) => format!(
            "{}: the keys are not there, and so the signature cannot be verified\n",
            palette.paint(Tone::Open, "undecided")
        ),
        (Decision::AwaitKeys { .. }, _) => at_the_latest(because, palette),
        (Decision::Refuse { refused, .. }, _) if refused.denial.rejection.reason().is_undecided() => {
            at_the_latest(because, palette)
        }
        (Decision::Refuse { .. }, _) => {
            format!("{}: {}\n", palette.paint(Tone::Bad, "refused"), because.unwrap_or_default())
        }
    }
}

/// Without keys, where none could make the token pass.
fn at_the_latest(because: Option<String>, palette: Palette) -> String {
    let refused = palette.paint(Tone::Bad, "refused");
    format!("{refused}: whatever the keys say, at the latest for {}\n", because.unwrap_or_default())
}

fn rule(told: &Told<'_>) -> String {
    let account = &told.account;
    let Some(rule) = account.rule else {
        let how = account.ambiguous.map_or_else(String::new, |ambiguous| format!(" ({ambiguous:?})"));
        let missing = match account.ambiguous {
            Some(Ambiguous::Host) if told.request.host.is_none() => {
                "; the rules look at the host: give --host"
            }
            Some(_) | None => "",
        };
        return format!("none: the request can be read in more than one way{how}{missing}");
    };
    let Some(requirement) = account.requirement else {
        return format!("rules[{rule}] asks for no token");
    };
    let names: Vec<_> = requirement.policies.iter().map(|policy| policy.name.as_str()).collect();
    let composite = match requirement.quorum {
        _ if names == [requirement.name.as_str()] => String::new(),
        Quorum::Any => format!(", any of {}", names.join(", ")),
        Quorum::All => format!(", all of {}", names.join(", ")),
    };
    let missing = if account.allow_missing { "; a request without a token passes" } else { "" };
    let number = if told.has_rules { format!("rules[{rule}]: ") } else { String::new() };
    format!("{number}{}{composite}{missing}", requirement.name)
}

fn keys(report: &KeyReport) -> String {
    let result = match &report.result {
        Ok(1) => "1 key".to_owned(),
        Ok(keys) => format!("{keys} keys"),
        Err(problem) => format!("none: {}", plain(problem)),
    };
    let note = report.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
    format!("{}: {result}{note}", plain(&report.url))
}

fn of_step(step: &Step, width: usize, palette: Palette) -> String {
    let (tone, word, problem) = match &step.finding {
        Finding::Passed => (Tone::Good, "pass", None),
        Finding::Failed(rejection) => (Tone::Bad, "FAIL", Some(rejection)),
        Finding::Undecided => (Tone::Open, "undecided", None),
        Finding::NotReached(Prospect::Unknown) => (Tone::Quiet, "not reached", None),
        Finding::NotReached(Prospect::WouldPass) => (Tone::Quiet, "would pass", None),
        Finding::NotReached(Prospect::WouldFail(rejection)) => (Tone::Open, "would FAIL", Some(rejection)),
    };
    let word = palette.paint(tone, &format!("{word:WORD$}"));
    let mut text = format!("  {word}  {:width$} ", step.name);
    let indent = " ".repeat(width.saturating_add(2 + WORD + 2 + 1));
    let standing = match step.standing {
        Some(Standing::NotVerified) => " (not verified)",
        Some(Standing::Verified) | None => "",
    };
    let mut lines = vec![format!("expected {}", step.expected)];
    if !step.actual.is_empty() {
        lines.push(format!("actual   {}{standing}", step.actual));
    }
    if let Some(rejection) = problem.filter(|rejection| rejection.to_string() != step.actual) {
        lines.push(palette.paint(tone, &format!("{}: {rejection}", rejection.reason())));
    }
    text.push_str(&lines.join(&format!("\n{indent}")));
    text
}

fn hint(advice: &Advice) -> String {
    format!("  hint H{}: {}\n    remedy: {}", advice.number, advice.cause, advice.remedy)
}

/// ASCII without control characters.
fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            if character == '\'' || character == '"' {
                vec![character]
            } else {
                character.escape_default().collect()
            }
        })
        .collect()
}

fn shown(text: &str) -> String {
    format!("\"{}\"", text.escape_default())
}
