//! Issuers: their names, Entra's `{tenantid}` template, and which hosts are one authority.

use crate::url::Url;

/// Entra's tenant of personal Microsoft accounts.
pub const PERSONAL_ACCOUNTS_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

const PLACEHOLDER: &str = "{tenantid}";

/// How the names of issuers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// To the letter (RFC 7519 §4.1.1, APIM `validate-jwt`).
    Exact,
    /// Small and capital letters are one: in Entra's issuers the case of a GUID means nothing
    /// (APIM `validate-azure-ad-token`).
    IgnoreCase,
}

impl Comparison {
    fn are_equal(self, one: &str, other: &str) -> bool {
        match self {
            Self::Exact => one == other,
            Self::IgnoreCase => one.eq_ignore_ascii_case(other),
        }
    }
}

/// An issuer as a provider publishes it: a name, or Entra's template that stands for every tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(String);

impl Issuer {
    /// The issuer of this text; it need not be a URL.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as published.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for every tenant (only the exact text `{tenantid}` counts).
    pub fn is_template(&self) -> bool {
        self.0.contains(PLACEHOLDER)
    }

    /// Whether it names the issuer `iss` of a token whose `tid` is `tenant`.
    ///
    /// A template needs a `tid` that is a GUID, and an `iss` whose first path segment it is: what Entra's documentation
    /// asks of multi-tenant APIs.
    pub fn names(&self, iss: &str, tenant: Option<&str>, comparison: Comparison) -> bool {
        if !self.is_template() {
            return comparison.are_equal(&self.0, iss);
        }
        tenant.is_some_and(|tenant| {
            is_guid(tenant)
                && comparison.are_equal(&self.0.replace(PLACEHOLDER, tenant), iss)
                && Url::parse(iss).is_ok_and(|url| comparison.are_equal(url.first_segment(), tenant))
        })
    }

    /// The template of which this issuer is one tenant's: itself with `{tenantid}` for a GUID that is its first path segment.
    #[must_use]
    pub fn for_every_tenant(&self) -> Self {
        let url = Url::parse(&self.0).ok().filter(|url| is_guid(url.first_segment()));
        url.map_or_else(
            || self.clone(),
            |url| {
                let path = url.target().replacen(url.first_segment(), PLACEHOLDER, 1);
                Self(format!("{}://{}{path}", url.scheme().name(), url.authority()))
            },
        )
    }

    /// Whether it and `other` are the same for a token whose `tid` is `tenant`, each filled in where it is a template.
    pub fn equals(&self, other: &Self, tenant: Option<&str>, comparison: Comparison) -> bool {
        if !self.is_template() && !other.is_template() {
            return comparison.are_equal(&self.0, &other.0);
        }
        tenant.filter(|tenant| is_guid(tenant)).is_some_and(|tenant| {
            comparison.are_equal(&self.0.replace(PLACEHOLDER, tenant), &other.0.replace(PLACEHOLDER, tenant))
        })
    }

    /// The host, when the issuer is a URL.
    pub fn host(&self) -> Option<String> {
        host_of(&self.0)
    }

    /// Whether the template's placeholder stands in the host, where it could stand for anybody's.
    pub fn has_open_host(&self) -> bool {
        self.host().is_some_and(|host| host.contains(['{', '}']))
    }
}

/// The host of an issuer that looks like a URL, in lower case.
///
/// An issuer is a name, not an address, and may hold what no URL to fetch would: whose host it claims is told all the same.
pub fn host_of(iss: &str) -> Option<String> {
    let (_, rest) = iss.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    Some(without_port.to_ascii_lowercase())
}

/// Hosts of one Entra cloud, which publish the same tenants: sign-in hosts and the host of v1 issuers.
const CLOUDS: [&[&str]; 6] = [
    &["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
    &["login.microsoftonline.us", "sts.windows.net"],
    &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn", "sts.chinacloudapi.cn"],
    &["login.sovcloud-identity.fr"],
    &["login.sovcloud-identity.de"],
    &["login.sovcloud-identity.sg"],
];

/// Whether two hosts are one authority: the same host, or hosts of one Entra cloud.
pub fn is_same_authority(one: &str, other: &str) -> bool {
    one == other || CLOUDS.iter().any(|hosts| hosts.contains(&one) && hosts.contains(&other))
}

/// Whether the host is one of Entra's.
pub fn is_entra(host: &str) -> bool {
    CLOUDS.iter().any(|hosts| hosts.contains(&host))
}

/// Whether `text` is a GUID in its usual form, in either case.
pub fn is_guid(text: &str) -> bool {
    let groups = [8, 4, 4, 4, 12];
    text.split('-').map(str::len).eq(groups)
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "11111111-2222-3333-4444-555555555555";

    #[test]
    fn a_template_names_only_the_issuer_of_the_tokens_own_tenant() {
        let template = Issuer::new("https://login.microsoftonline.com/{tenantid}/v2.0");
        let iss = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
        assert!(template.is_template());
        assert!(template.names(&iss, Some(TENANT), Comparison::Exact));
        for (iss, tenant) in [
            (iss.as_str(), None),
            (iss.as_str(), Some("22222222-2222-3333-4444-555555555555")),
            (iss.as_str(), Some("common")),
            ("https://login.microsoftonline.com/{tenantid}/v2.0", Some("{tenantid}")),
            ("https://login.microsoftonline.com/common/v2.0", Some("common")),
            ("https://login.microsoftonline.com//v2.0", Some("")),
            (&format!("https://evil.example/{TENANT}/v2.0"), Some(TENANT)),
            (&format!("{iss}/"), Some(TENANT)),
        ] {
            assert!(!template.names(iss, tenant, Comparison::Exact), "{iss} {tenant:?}");
        }
        let odd = Issuer::new("https://a.example/x/{tenantid}");
        assert!(
            !odd.names(&format!("https://a.example/x/{TENANT}"), Some(TENANT), Comparison::Exact),
            "first segment is not the tenant"
        );
    }

    #[test]
    fn a_name_is_compared_exactly() {
        let issuer = Issuer::new("https://a.example/v2.0");
        assert!(issuer.names("https://a.example/v2.0", None, Comparison::Exact));
        for iss in ["https://a.example/v2.0/", "https://A.example/v2.0", "https://a.example/v2.0 ", ""] {
            assert!(!issuer.names(iss, None, Comparison::Exact), "{iss}");
        }
    }

    #[test]
    fn case_counts_only_where_it_is_said_to() {
        let (lower, upper) = ("a0b0c0d0-2222-3333-4444-555555555555", "A0B0C0D0-2222-3333-4444-555555555555");
        let template = Issuer::new("https://login.microsoftonline.com/{tenantid}/v2.0");
        let issuer = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let own = Issuer::new(issuer(lower));
        for (comparison, expected) in [(Comparison::Exact, false), (Comparison::IgnoreCase, true)] {
            assert_eq!(template.names(&issuer(upper), Some(lower), comparison), expected);
            assert_eq!(own.names(&issuer(upper), Some(lower), comparison), expected);
        }
        assert!(!own.names(&format!("{}/", issuer(lower)), Some(lower), Comparison::IgnoreCase));
    }

    #[test]
    fn an_issuer_leads_to_its_template() {
        for (issuer, template) in [
            (format!("https://sts.windows.net/{TENANT}/"), "https://sts.windows.net/{tenantid}/"),
            (
                format!("https://{TENANT}.ciamlogin.com/{TENANT}/"),
                "https://11111111-2222-3333-4444-555555555555.ciamlogin.com/{tenantid}/",
            ),
            ("https://a.example/{tenantid}/v2.0".to_owned(), "https://a.example/{tenantid}/v2.0"),
            ("contoso.com".to_owned(), "contoso.com"),
        ] {
            assert_eq!(Issuer::new(issuer).for_every_tenant().as_str(), template);
        }
    }

    #[test]
    fn templates_are_equal_when_filled_in() {
        let template = Issuer::new("https://a.example/{tenantid}/v2.0");
        let own = Issuer::new(format!("https://a.example/{TENANT}/v2.0"));
        for comparison in [Comparison::Exact, Comparison::IgnoreCase] {
            assert!(template.equals(&own, Some(TENANT), comparison));
            assert!(own.equals(&template, Some(TENANT), comparison));
            assert!(own.equals(&own, None, comparison));
            assert!(!template.equals(&template, None, comparison), "nothing to fill in");
            assert!(!template.equals(&own, Some("22222222-2222-3333-4444-555555555555"), comparison));
        }
        let (lower, upper) = ("aaaabbbb-0000-cccc-1111-dddd2222eeee", "AAAABBBB-0000-CCCC-1111-DDDD2222EEEE");
        let own = Issuer::new(format!("https://a.example/{lower}/v2.0"));
        for (comparison, expected) in [(Comparison::Exact, false), (Comparison::IgnoreCase, true)] {
            assert_eq!(template.equals(&own, Some(upper), comparison), expected);
            let shouted = Issuer::new(format!("https://a.example/{upper}/v2.0"));
            assert_eq!(own.equals(&shouted, None, comparison), expected);
        }
    }

    #[test]
    fn hosts() {
        assert_eq!(
            Issuer::new("https://Login.Example/{tenantid}/v2.0").host().as_deref(),
            Some("login.example")
        );
        assert_eq!(host_of("contoso.com"), None);
        assert!(is_same_authority("sts.windows.net", "login.microsoftonline.com"));
        assert!(is_same_authority("sts.windows.net", "login.microsoftonline.us"));
        assert!(!is_same_authority("login.microsoftonline.com", "login.microsoftonline.us"));
        assert!(!is_same_authority("contoso.b2clogin.com", "login.microsoftonline.com"));
        assert!(is_same_authority("a.example", "a.example"));
    }
}
