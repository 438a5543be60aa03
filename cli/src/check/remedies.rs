//! What to do about the filter's own warnings, which name the place and the problem.

use super::Warning;

/// What a warning of the filter says, and the remedy.
pub(super) const REMEDIES: [(&str, &str); 11] = [
    (
        "has neither `audiences` nor `required-claims`",
        "add `audiences` with what tokens for this API have in `aud`",
    ),
    (
        "has neither `audiences` nor `backend-application-ids`",
        "add `audiences`: the API's client id, and its application ID URI for tokens of version 1",
    ),
    ("has neither `openid-config` nor `issuers`", "add `issuers` with what the tokens have in `iss`"),
    (
        "require-scheme has no effect",
        "leave `require-scheme` out, and have callers send the bare token there",
    ),
    (
        "require-signed-tokens is false",
        "leave it out, unless something in front of the filter has verified the token",
    ),
    (
        "{request-host}",
        "list your own hosts in `domains` of the proxy's virtual host, or write the audience out",
    ),
    ("report-only is true", "leave it out when the log shows no refusal that you did not expect"),
    ("has `allow-anonymous`", "let the last rule name a policy, and list before it what may pass without"),
    ("has no effect: no rule names it", "name it in a rule or a composite, or remove it"),
    ("the first is used", "put the certificate of the key first, and leave the others out"),
    ("has expired", "put in the certificate that replaced it"),
];

/// A line of the filter as a warning: it begins with the path.
pub(super) fn of_filter(line: &str) -> Warning {
    let (path, problem) = line.split_once(' ').unwrap_or((line, ""));
    let remedy = REMEDIES.iter().find(|(said, _)| line.contains(said)).map(|(_, remedy)| *remedy);
    Warning {
        path: path.to_owned(),
        problem: problem.to_owned(),
        remedy: remedy.unwrap_or("see docs/configuration.md").to_owned(),
    }
}
