//! Hints for who reads the log: what a refused token looks like, where that explains the refusal. A hint decides nothing, so it
//! may go by claims that nobody verified; it tells none of them.

use std::fmt;

use crate::{
    claims::Claims,
    issuer,
    json::Json,
    policy::Policy,
    rejection::{IssuerFault, Rejection},
    token::UntrustedToken,
};

/// What a claim set looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Likeness {
    /// The audience is Microsoft Graph.
    pub is_for_graph: bool,
    /// It has what ID tokens have (OpenID Connect Core §2), and no scope.
    pub is_id_token: bool,
    /// The groups of the user were too many, and are left out.
    pub lacks_groups: bool,
}

impl Likeness {
    /// What these claims look like.
    pub fn of(claims: &Claims<'_>) -> Self {
        const GRAPH: [&str; 5] = [
            "00000003-0000-0000-c000-000000000000",
            "https://graph.microsoft.com",
            "https://graph.microsoft.us",
            "https://dod-graph.microsoft.us",
            "https://microsoftgraph.chinacloudapi.cn",
        ];
        let has = |name| claims.get(name).is_some();
        let names_groups_elsewhere = match claims.get("_claim_names") {
            Some(Json::Object(names)) => names.contains_key("groups"),
            Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_)) | None => {
                false
            }
        };
        Self {
            is_for_graph: claims
                .audiences()
                .any(|audience| GRAPH.contains(&audience.strip_suffix('/').unwrap_or(audience))),
            is_id_token: (has("nonce") || has("at_hash") || has("c_hash")) && !has("scp") && !has("scope"),
            lacks_groups: !has("groups")
                && (names_groups_elsewhere || claims.get("hasgroups") == Some(&Json::Bool(true))),
        }
    }
}

/// Why a token was probably refused, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A token for Microsoft Graph.
    Graph,
    /// An ID token in place of an access token.
    IdToken,
    /// `groups` is required, and the token leaves it out because there are too many.
    GroupsOverage,
    /// A version 1 token where the policy has the issuer of version 2.
    VersionOne,
    /// A version 2 token where the policy has the issuer of version 1.
    VersionTwo,
    /// A token of External ID under `validate-azure-ad-token`.
    ExternalId,
    /// A token of Azure AD B2C under `validate-azure-ad-token`.
    B2c,
}

impl Hint {
    /// The hint for a refusal, where there is one.
    pub fn of(policy: &Policy, token: &UntrustedToken<'_>, rejection: &Rejection) -> Option<Self> {
        let likeness = token.likeness();
        let is_graph = token.header().has_nonce || likeness.is_for_graph;
        match rejection {
            Rejection::ClaimNotFound { name } if name == "groups" && likeness.lacks_groups => {
                Some(Self::GroupsOverage)
            }
            Rejection::IssuerNotAllowed(
                IssuerFault::NotListed | IssuerFault::SeveralHosts | IssuerFault::Absent,
            ) => Self::of_issuer(policy, token).or_else(|| is_graph.then_some(Self::Graph)),
            Rejection::SignatureInvalid | Rejection::KeyNotFound if is_graph => Some(Self::Graph),
            Rejection::AudienceNotAllowed | Rejection::BackendApplicationNotAllowed if is_graph => {
                Some(Self::Graph)
            }
            Rejection::AudienceNotAllowed
            | Rejection::BackendApplicationNotAllowed
            | Rejection::ClientApplicationNotAllowed(_)
            | Rejection::ClaimNotFound { .. }
            | Rejection::ClaimValueNotAllowed { .. }
            | Rejection::TypeNotAllowed
                if likeness.is_id_token =>
            {
                Some(Self::IdToken)
            }
            Rejection::PathAmbiguous
            | Rejection::NotPresent(_)
            | Rejection::Malformed(_)
            | Rejection::DecryptionFailed
            | Rejection::DecryptionUnavailable
            | Rejection::AlgorithmNotAllowed
            | Rejection::TypeNotAllowed
            | Rejection::KeyNotFound
            | Rejection::SignatureInvalid
            | Rejection::ExpirationMissing
            | Rejection::Expired { .. }
            | Rejection::NotYetValid { .. }
            | Rejection::IssuerNotAllowed(_)
            | Rejection::TenantNotAllowed(_)
            | Rejection::AudienceNotAllowed
            | Rejection::BackendApplicationNotAllowed
            | Rejection::ClientApplicationNotAllowed(_)
            | Rejection::ClaimNotFound { .. }
            | Rejection::ClaimValueNotAllowed { .. }
            | Rejection::KeysUnavailable { .. } => None,
        }
    }

    fn of_issuer(policy: &Policy, token: &UntrustedToken<'_>) -> Option<Self> {
        let iss = token.claimed_issuer()?;
        let host = issuer::host_of(iss)?;
        if policy.entra.is_some() {
            return match host.split_once('.') {
                Some((_, "ciamlogin.com")) => Some(Self::ExternalId),
                Some((_, "b2clogin.com")) => Some(Self::B2c),
                Some(_) | None => None,
            };
        }
        let is_v2 = |issuer: &str| issuer.trim_end_matches('/').ends_with("/v2.0");
        let is_external_id = |host: &str| host.ends_with(".ciamlogin.com");
        let is_own = |own: &str| {
            issuer::is_same_authority(own, &host) || (is_external_id(own) && is_external_id(&host))
        };
        let own_versions: Vec<bool> = policy
            .providers
            .iter()
            .filter(|provider| is_own(provider.url.host()))
            .map(|provider| provider.url.target().contains("/v2.0/"))
            .collect();
        let is_entra = issuer::is_entra(&host) || is_external_id(&host);
        match is_v2(iss) {
            _ if !is_entra || own_versions.is_empty() => None,
            false if own_versions.iter().all(|own| *own) => Some(Self::VersionOne),
            true if own_versions.iter().all(|own| !*own) => Some(Self::VersionTwo),
            true | false => None,
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Graph => {
                "a token for Microsoft Graph, which only Graph can verify: the client must ask for a scope of this API"
            }
            Self::IdToken => "it looks like an ID token: the client must send its access token",
            Self::GroupsOverage => {
                "the user is in so many groups that Entra left `groups` out: use app roles, or groups assigned to the \
                 application"
            }
            Self::VersionOne => {
                "a version 1 token under a version 2 `openid-config`: set `requestedAccessTokenVersion` of the API to 2, or \
                 add the version 1 `openid-config`"
            }
            Self::VersionTwo => {
                "a version 2 token under a version 1 `openid-config`: add the one with `/v2.0/` in its URL"
            }
            Self::ExternalId => {
                "a token of External ID, which `validate-azure-ad-token` does not take: use `validate-jwt` with the \
                 `openid-config` of the ciamlogin.com host"
            }
            Self::B2c => {
                "a token of Azure AD B2C, which `validate-azure-ad-token` does not take: use `validate-jwt` with the \
                 `openid-config` of the user flow"
            }
        })
    }
}

#[cfg(test)]
mod tests;
