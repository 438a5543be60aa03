//! Whose token it is, and whose keys sign it.

use super::{Advice, Sight};
use crate::{
    hint::Hint,
    issuer::{self, PERSONAL_ACCOUNTS_TENANT},
    keys::Provider,
    policy::Tenant,
    rejection::{IssuerFault, Rejection},
    trust,
};

pub(super) fn advise(sight: &Sight<'_>) -> Vec<Advice> {
    let Some(token) = sight.token else {
        return Vec::new();
    };
    let iss = token.claimed_issuer();
    let host = iss.and_then(issuer::host_of).unwrap_or_default();
    let mut advice = Vec::new();
    let is_not_fine = !sight.passed("iss") && !trust::is_listed(sight.policy, token);
    if is_not_fine {
        // What the filter's own hint would be, if the documents that name issuers were there.
        let not_listed = Rejection::IssuerNotAllowed(IssuerFault::NotListed);
        let hint = Hint::of(sight.policy, token, &not_listed);
        let of_issuer = hint.and_then(|hint| of_hint(hint, iss.unwrap_or_default()));
        let is_told = of_issuer.is_some();
        advice.extend(of_issuer);
        advice.extend(slash(sight, iss.unwrap_or_default()));
        if !is_told {
            advice.extend(other_cloud(sight, &host));
            advice.extend(customers_host(sight, &host));
            advice.extend(customers_token(sight, &host, iss.unwrap_or_default()));
        }
    }
    let is_graph = token.header().has_nonce || token.likeness().is_for_graph;
    let is_refused = sight.is_refused_for(|rejection| {
        matches!(
            rejection,
            Rejection::SignatureInvalid
                | Rejection::KeyNotFound
                | Rejection::AudienceNotAllowed
                | Rejection::BackendApplicationNotAllowed
                | Rejection::IssuerNotAllowed(_)
        )
    });
    if is_graph && (is_refused || sight.is_undecided()) {
        advice.push(Advice::new(
            2,
            "a token for Microsoft Graph, which only Graph can verify",
            "have the client ask for a scope of this API: `api://{app}/{scope}`, or `api://{app}/.default`",
        ));
    }
    advice.extend(tenant(sight, &host));
    advice.extend(unknown_key(sight, &host, is_graph));
    if sight.is_undecided() {
        advice.push(Advice::new(
            22,
            "the documents or keys of the identity provider are not there",
            "give them by `--keys`, or fetch them by `--fetch`. If that fails: is the URL that of the discovery document, and \
             is the host reachable (DNS, firewall, TLS)? In the proxy, also: is the cluster there and healthy?",
        ));
    }
    advice
}

fn of_hint(hint: Hint, iss: &str) -> Option<Advice> {
    Some(match hint {
        Hint::VersionOne => Advice::new(
            1,
            "a token of version 1 under an `openid-config` of version 2",
            "set `requestedAccessTokenVersion` of the API to 2 in its manifest, wait some minutes and get a new token; or add \
             the `openid-config` of version 1 (without `/v2.0`); or list both issuers",
        ),
        Hint::VersionTwo => Advice::new(
            1,
            "a token of version 2 under an `openid-config` of version 1",
            "add the `openid-config` with `/v2.0/` in its URL",
        ),
        Hint::ExternalId => Advice::new(
            8,
            "a token of External ID (a tenant for customers), which `validate-azure-ad-token` does not take; API Management calls it \
             `Issuer is not valid` (IDX40001)",
            format!(
                "use `validate-jwt` with `openid-config` \
                 `https://{{tenant name}}.ciamlogin.com/{}/v2.0/.well-known/openid-configuration`, `audiences` with the API's \
                 client id, and the caller's client id as the required claim `azp` (there is no `appid`). Set \
                 `accessTokenAcceptedVersion` of the API to 2 in its manifest, if `iss` does not end with `/v2.0`",
                super::super::words::quoted(first_segment(iss)).trim_matches('"')
            ),
        ),
        Hint::B2c => Advice::new(
            9,
            "a token of Azure AD B2C, which `validate-azure-ad-token` does not take",
            "use `validate-jwt` with the `openid-config` of the user flow",
        ),
        Hint::Graph | Hint::IdToken | Hint::GroupsOverage => return None,
    })
}

fn first_segment(iss: &str) -> &str {
    iss.split('/').nth(3).filter(|segment| !segment.is_empty()).unwrap_or("{tenant id}")
}

/// Issuers that differ by the slash at their end alone.
fn slash(sight: &Sight<'_>, iss: &str) -> Option<Advice> {
    let without = |issuer: &str| issuer.strip_suffix('/').unwrap_or(issuer).to_owned();
    let published = sight.policy.providers.iter().filter_map(|config| sight.keys.provider(config.id));
    let published = published.flat_map(Provider::published).map(|known| known.issuer.as_str());
    let listed = sight.policy.issuers.iter().flatten().map(String::as_str);
    let differs = published.chain(listed).any(|known| known != iss && without(known) == without(iss));
    differs.then(|| {
        Advice::new(
            9,
            "the issuer differs from an allowed one by the `/` at its end alone",
            "copy `issuer` from the discovery document, or `iss` from the token, to the letter: it is compared exactly",
        )
    })
}

/// Tokens of one of Entra's clouds under the documents of another.
fn other_cloud(sight: &Sight<'_>, host: &str) -> Option<Advice> {
    let mut configured =
        sight.policy.providers.iter().map(|config| config.url.host()).filter(|own| issuer::is_entra(own));
    let own = configured.next()?;
    let is_other = issuer::is_entra(host) && !issuer::is_same_authority(own, host);
    is_other.then(|| {
        Advice::new(
            32,
            "a token of another cloud of Entra ID than the policy's",
            "set `authentication-endpoint` (`validate-azure-ad-token`) or the host in `openid-config` (`validate-jwt`) to that \
             cloud's",
        )
    })
}

/// External ID: the document lies on the tenant's name, and names an issuer on its id.
fn customers_host(sight: &Sight<'_>, host: &str) -> Option<Advice> {
    let is_customers = |host: &str| host.ends_with(".ciamlogin.com");
    let is_own = sight.policy.entra.is_none()
        && is_customers(host)
        && sight.policy.providers.iter().any(|config| is_customers(config.url.host()));
    (is_own && !sight.is_undecided()).then(|| {
        Advice::new(
            8,
            "a token of External ID whose issuer the documents do not name",
            "the issuer's host is the tenant's id, not its name: is the tenant in the URL that of the token, and has the token \
             version 2 (`accessTokenAcceptedVersion` of the API)?",
        )
    })
}

/// A token of customers, by one of whose services no document of the policy is.
fn customers_token(sight: &Sight<'_>, host: &str, iss: &str) -> Option<Advice> {
    let is_of = |service: &str| {
        let has_document = sight.policy.providers.iter().any(|config| config.url.host().ends_with(service));
        sight.policy.entra.is_none() && host.ends_with(service) && !has_document
    };
    if is_of(".ciamlogin.com") {
        return Some(Advice::new(
            8,
            "a token of External ID (a tenant for customers), and no `openid-config` is of one",
            format!(
                "if customers are to call this API, use `openid-config` \
                 `https://{{tenant name}}.ciamlogin.com/{}/v2.0/.well-known/openid-configuration`, and `audiences` with the API's \
                 client id there; else have the caller sign in to the policy's tenant",
                super::super::words::quoted(first_segment(iss)).trim_matches('"')
            ),
        ));
    }
    is_of(".b2clogin.com").then(|| {
        Advice::new(
            9,
            "a token of Azure AD B2C, and no `openid-config` is of a user flow",
            "if customers are to call this API, use the `openid-config` of their user flow, and `audiences` with the API's client id \
             there; else have the caller sign in to the policy's tenant",
        )
    })
}

/// Another tenant of the workforce: those of customers are no choice of `tenant-id`, and have their own advice.
fn tenant(sight: &Sight<'_>, host: &str) -> Option<Advice> {
    let claimed = sight.token?.claimed_tenant();
    let is_personal = claimed.is_some_and(|tenant| tenant.eq_ignore_ascii_case(PERSONAL_ACCOUNTS_TENANT));
    let is_refused = sight.is_refused_for(|rejection| {
        matches!(
            rejection,
            Rejection::TenantNotAllowed(_) | Rejection::IssuerNotAllowed(IssuerFault::PersonalAccount)
        )
    });
    let is_of_other = match sight.policy.entra.as_ref().map(|entra| &entra.tenant) {
        Some(Tenant::Id(id)) => claimed.is_some_and(|claimed| !claimed.eq_ignore_ascii_case(id)),
        Some(Tenant::Domain | Tenant::Organizations | Tenant::Common | Tenant::Consumers) => false,
        None => {
            sight.is_refused_for(|rejection| {
                matches!(rejection, Rejection::IssuerNotAllowed(IssuerFault::NotListed))
            }) && claimed.is_some_and(|claimed| {
                let own = sight.policy.providers.iter().filter(|config| issuer::is_entra(config.url.host()));
                let ids = own.map(|config| config.url.first_segment());
                let mut ids = ids.filter(|segment| issuer::is_guid(segment)).peekable();
                ids.peek().is_some() && ids.all(|id| !id.eq_ignore_ascii_case(claimed))
            })
        }
    };
    (is_refused || is_of_other && issuer::is_entra(host)).then(|| {
        let several = if sight.policy.entra.is_some() {
            "`tenant-id` `organizations` or `common`"
        } else {
            "`openid-config` of `organizations` or `common`"
        };
        let cause = if is_personal {
            "a token of a personal Microsoft account"
        } else {
            "a token of another tenant than the policy's: guests have tokens of the tenant that they sign in to"
        };
        Advice::new(
            7,
            cause,
            format!(
                "have the caller sign in to the policy's tenant; or take several tenants ({several}) and allow those that you \
                 know by the claim `tid`"
            ),
        )
    })
}

fn unknown_key(sight: &Sight<'_>, host: &str, is_graph: bool) -> Option<Advice> {
    if !sight.is_refused_for(|rejection| *rejection == Rejection::KeyNotFound) || is_graph {
        return None;
    }
    let is_b2c = host.ends_with(".b2clogin.com")
        || sight.policy.providers.iter().any(|config| config.url.host().ends_with(".b2clogin.com"));
    if is_b2c {
        return Some(Advice::new(
            9,
            "a token of Azure AD B2C whose key the documents do not have: user flows may have keys of their own",
            "list the `openid-config` of every user flow whose tokens are taken",
        ));
    }
    issuer::is_entra(host).then(|| {
        Advice::new(
            10,
            "a key that the tenant does not publish for everybody: the application may sign with its own (SAML, claims mapping)",
            "append `?appid={client id of the API}` to the URL of `openid-config`; or keep SAML and API in two applications",
        )
    })
}
