//! What the token is for, who holds it, and what he may do.

use super::{Advice, PASSES, Sight};
use crate::{
    claims::Claims,
    issuer,
    json::Json,
    policy::{Audience, ClaimRule, Policy, RequiredClaim},
    rejection::{ClientFault, Rejection},
};

pub(super) fn advise(sight: &Sight<'_>) -> Vec<Advice> {
    let Some(claims) = sight.claims() else {
        return Vec::new();
    };
    let mut advice = Vec::new();
    advice.extend(audience(sight, claims));
    advice.extend(id_token(sight));
    advice.extend(client(sight, claims));
    for required in &sight.policy.required_claims {
        advice.extend(absent(sight, claims, required));
        advice.extend(other_value(sight, claims, required));
    }
    advice.extend(allowed(sight));
    advice
}

fn audience(sight: &Sight<'_>, claims: &Claims<'_>) -> Vec<Advice> {
    if !sight.is_refused_for(|rejection| *rejection == Rejection::AudienceNotAllowed) {
        return Vec::new();
    }
    let allowed: Vec<_> = sight.policy.audiences.iter().flat_map(|audiences| &audiences.allowed).collect();
    let literals = || {
        allowed.iter().filter_map(|allowed| match allowed {
            Audience::Literal(text) => Some(text.as_str()),
            Audience::RequestHost { .. } => None,
        })
    };
    let bare =
        |text: &str| text.strip_prefix("api://").unwrap_or(text).trim_end_matches('/').to_ascii_lowercase();
    let mut advice = Vec::new();
    if claims.audiences().any(|audience| literals().any(|allowed| bare(allowed) == bare(audience))) {
        advice.push(Advice::new(
            3,
            "the audience is the API in another form: its client id, `api://` and its client id, or a `/` at the end",
            "list both forms: tokens of version 2 have the client id, those of version 1 what the client asked for",
        ));
    }
    let is_uri = |text: &str| text.contains("://");
    let is_template = sight.policy.providers.iter().any(|config| {
        issuer::is_entra(config.url.host())
            && config.url.target().contains("/v2.0/")
            && matches!(config.url.first_segment(), "common" | "organizations")
    });
    if is_template && sight.policy.issuers.is_none() && literals().all(is_uri) && sight.policy.entra.is_none()
    {
        advice.push(Advice::new(
            23,
            "`common` or `organizations` of version 2 with `api://` audiences alone: no token can pass",
            "add the client id of the API to `audiences`: tokens of version 2 have it in `aud`",
        ));
    }
    advice
}

fn id_token(sight: &Sight<'_>) -> Option<Advice> {
    let is_refused = sight.is_refused_for(|rejection| {
        matches!(
            rejection,
            Rejection::AudienceNotAllowed
                | Rejection::BackendApplicationNotAllowed
                | Rejection::ClientApplicationNotAllowed(_)
                | Rejection::ClaimNotFound { .. }
                | Rejection::ClaimValueNotAllowed { .. }
                | Rejection::TypeNotAllowed
        )
    });
    (is_refused && sight.token.is_some_and(|token| token.likeness().is_id_token)).then(|| {
        Advice::new(
            16,
            "it looks like an ID token, which is for the client",
            "have the client ask for a scope of this API, and send the access token",
        )
    })
}

fn client(sight: &Sight<'_>, claims: &Claims<'_>) -> Vec<Advice> {
    let is_refused = sight.is_refused_for(|rejection| {
        *rejection == Rejection::ClientApplicationNotAllowed(ClientFault::NotListed)
    });
    if !is_refused {
        return Vec::new();
    }
    let listed = sight.policy.entra.iter().filter_map(|entra| entra.client_applications.as_ref()).flatten();
    let oid = claims.text("oid").unwrap_or_default();
    let mut advice = Vec::new();
    if listed.into_iter().any(|id| id.is(oid)) {
        advice.push(Advice::new(
            20,
            "`client-application-ids` has the object id of the caller",
            "list the client (application) id, which stands in `azp` or `appid`",
        ));
    }
    if sight.has_claim("xms_mirid") || claims.text("idtyp") == Some("app") {
        advice.push(Advice::new(
            21,
            "a token of an application, perhaps of a gateway that put its own in place of the caller's",
            "validate before something in front writes `Authorization`, or have it keep the caller's token in another header",
        ));
    }
    advice
}

fn is_missing(sight: &Sight<'_>, required: &RequiredClaim) -> bool {
    sight.is_refused_for(
        |rejection| matches!(rejection, Rejection::ClaimNotFound { name } if *name == required.name),
    )
}

fn absent(sight: &Sight<'_>, claims: &Claims<'_>, required: &RequiredClaim) -> Vec<Advice> {
    let name = required.name.as_str();
    if !is_missing(sight, required) {
        return Vec::new();
    }
    let mut advice = Vec::new();
    let is_scope = matches!(name, "scp" | "scope");
    if name == "roles" && sight.has_claim("scp") || is_scope && sight.has_claim("roles") {
        advice.push(Advice::new(
            19,
            "tokens of users have `scp`, those of applications `roles`: the policy asks for the other",
            "use one policy for each, and `any-of`; or have the caller get the other kind of token",
        ));
    }
    if name == "roles" {
        advice.push(Advice::new(
            17,
            "no app role is assigned to the caller, or none that was consented to",
            "assign the role, have an administrator consent, and get a new token (client credentials: scope \
             `api://{app}/.default`)",
        ));
    }
    if name == "roles" && sight.has_claim("xms_mirid") {
        advice.push(Advice::new(
            31,
            "a managed identity, whose tokens are kept for up to a day: a role that was just assigned is not in them yet",
            "wait until the token is renewed",
        ));
    }
    if name == "groups" && sight.token.is_some_and(|token| token.likeness().lacks_groups) {
        advice.push(Advice::new(
            24,
            "the user is in so many groups that Entra left `groups` out",
            "use app roles, or groups assigned to the application",
        ));
    }
    let is_customers = claims
        .issuer()
        .and_then(issuer::host_of)
        .is_some_and(|host| host.ends_with(".b2clogin.com") || host.ends_with(".ciamlogin.com"));
    if is_customers && matches!(name, "tid" | "appid" | "roles") {
        advice.push(Advice::new(
            25,
            format!("tokens of B2C and External ID have no `{name}` unless it was added"),
            "require `azp` for the calling application, `tfp` for the user flow, `scp` for what it may do",
        ));
    }
    advice
}

fn other_value(sight: &Sight<'_>, claims: &Claims<'_>, required: &RequiredClaim) -> Vec<Advice> {
    let name = required.name.as_str();
    let is_refused = sight.is_refused_for(
        |rejection| matches!(rejection, Rejection::ClaimValueNotAllowed { name } if *name == required.name),
    );
    let (ClaimRule::All(expected) | ClaimRule::Any(expected)) = &required.rule else {
        return Vec::new();
    };
    if !is_refused {
        return Vec::new();
    }
    let mut advice = Vec::new();
    let has_blank = claims.text(name).is_some_and(|text| text.contains(' '));
    if required.separator.is_none() && has_blank {
        advice.push(Advice::new(
            4,
            format!(
                "`{}` is one string with blanks in it, and is compared as a whole",
                name.escape_default()
            ),
            r#"add `"separator": " "` to the required claim"#,
        ));
    }
    let is_list = |value: &String| {
        value.contains(',')
            || required.separator.as_ref().is_some_and(|separator| value.contains(separator.as_str()))
    };
    if expected.iter().any(is_list) {
        advice.push(Advice::new(
            5,
            "a value of the policy holds a list: `separator` splits what is in the token, not that",
            "write each value by itself",
        ));
    }
    let values = texts(claims, name);
    let is_close = |value: &&str, expected: &String| {
        let (value, expected) = (value.to_ascii_lowercase(), expected.to_ascii_lowercase());
        !value.is_empty() && (value == expected || value.ends_with(&expected) || expected.ends_with(&value))
    };
    if values
        .iter()
        .any(|value| expected.iter().any(|expected| is_close(value, expected) && *value != expected.as_str()))
    {
        advice.push(Advice::new(
            18,
            "a value that is nearly the expected one: case and prefix count",
            "copy the value of the role or scope from the manifest of the API",
        ));
    }
    advice
}

fn texts<'c>(claims: &'c Claims<'_>, name: &str) -> Vec<&'c str> {
    match claims.get(name) {
        Some(Json::String(text)) => text.split(' ').collect(),
        Some(Json::Array(elements)) => elements.iter().filter_map(Json::as_str).collect(),
        Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_)) | None => Vec::new(),
    }
}

/// What may still be wrong when the policy lets the request through.
fn allowed(sight: &Sight<'_>) -> Vec<Advice> {
    if !sight.is_allowed() {
        return Vec::new();
    }
    let mut advice = vec![Advice::new(
        PASSES,
        "the policy lets it pass: if the caller sees 401 all the same, the backend answered it",
        "`%RESPONSE_CODE_DETAILS%` tells (`via_upstream`); a backend that rejects the caller's token wants \
         `options.forward.remove-token`",
    )];
    if is_open(sight.policy) {
        advice.push(Advice::new(
            30,
            "nothing is pinned: any token of the issuer passes, whatever API it is for",
            "add `audiences` with what tokens for this API have in `aud`",
        ));
    }
    advice
}

fn is_open(policy: &Policy) -> bool {
    policy.audiences.is_none()
        && policy.required_claims.is_empty()
        && policy
            .entra
            .as_ref()
            .is_none_or(|entra| entra.backend_applications.is_none() && entra.client_applications.is_none())
}
