//! What the log says of requests and fetches.

use proxy_wasm::types::LogLevel;

use super::{Plugin, host};
use crate::{
    decision::Refused,
    excerpt::Excerpt,
    explain,
    keys::{Fetched, Report},
    time::Timestamp,
    validate::{Attempt, Quote},
};

/// The variable of the VM's environment that says `trace` where the checks of each request are to be logged. Nothing but the proxy
/// knows its own level, and hosts that cannot tell it would not load a module that asks.
const LEVEL_VARIABLE: &str = "VALIDATE_JWT_LOG";

/// Lets lines of the level `trace` reach the proxy, where the environment asks for them. Else they cost not even a call.
pub(super) fn choose_level() {
    if host::environment(LEVEL_VARIABLE).as_deref() == Some("trace") {
        proxy_wasm::set_log_level(LogLevel::Trace);
    }
}

/// A line for each policy that is asked about a request: what each of its checks comes to. It is decided anew for that.
pub(super) fn log_checks(plugin: &Plugin, attempt: Attempt<'_>) {
    if log::log_enabled!(log::Level::Trace) {
        let crypto = plugin.tools.crypto(&plugin.cache);
        for line in explain::trace(&plugin.rulebook, &plugin.keys.borrow(), crypto, attempt) {
            log::trace!("{line}");
        }
    }
}

/// What became of a request that a policy refuses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Consequence {
    /// It was answered.
    Refused,
    /// It was let through: the policy only reports.
    Reported,
}

/// One line for a refusal, within the budget: the reason, the policy, and what may be quoted of the token; no claim's value.
pub(super) fn log_refusal(plugin: &Plugin, refused: &Refused<'_>, consequence: Consequence, now: Timestamp) {
    let Some(suppressed) = plugin.log.borrow_mut().spend(now) else {
        return;
    };
    let denial = &refused.denial;
    let verb = match consequence {
        Consequence::Refused => "refused",
        Consequence::Reported => "would be refused",
    };
    let policy = refused.policy.map_or_else(String::new, |(name, _)| format!("; policy {name}"));
    let quoted = denial.quote.as_ref().map_or_else(String::new, quoted);
    let hint = denial.hint.map_or_else(String::new, |hint| format!("; hint: {hint}"));
    let left_out =
        if suppressed == 0 { String::new() } else { format!(" ({suppressed} lines left out before this)") };
    let rejection = &denial.rejection;
    log::info!("{verb}: {}: {rejection}{policy}{quoted}{hint}{left_out}", rejection.reason());
}

/// Between quotation marks, which are escaped in the excerpt: the caller's text cannot pass for a part of the line.
fn quoted(quote: &Quote) -> String {
    let text =
        |text: Option<&str>| text.map_or_else(|| "-".to_owned(), |text| format!("\"{}\"", Excerpt(text)));
    format!(
        "; alg {}, kid {}, issuer host {}",
        text(Some(&quote.algorithm)),
        text(quote.key_id.as_deref()),
        text(quote.issuer_host.as_deref())
    )
}

/// One line for the end of a fetch.
pub(super) fn log_report(plugin: &Plugin, report: &Report) {
    let keys = plugin.keys.borrow();
    let Some(provider) = keys.provider(report.provider) else {
        return;
    };
    // Root contexts have no name in the proxy's log. The number is how statistics call the provider.
    let (plugin, number) = (Excerpt(&plugin.name), report.provider.index());
    let who = format!("plugin {plugin}, provider {number}, {}", provider.url());
    let tenths = report.next.as_millis() / 100;
    let (seconds, tenths) = (tenths / 10, tenths % 10);
    match &report.result {
        Ok(Fetched { keys, skipped, first_skipped: Some((index, error)) }) => {
            log::info!("{who}: {keys} keys; {skipped} more cannot be used (keys[{index}]: {error})");
        }
        Ok(Fetched { keys, first_skipped: None, .. }) => log::info!("{who}: {keys} keys"),
        Err(error) => log::warn!("{who}: no new keys: {error}; next attempt in {seconds}.{tenths} s"),
    }
}
