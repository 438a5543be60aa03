//! The rules of `validate-azure-ad-token`: whose tenant a token is of, of which version, and for and by which application.

use crate::{
    claims::Claims,
    issuer::{Comparison, Issuer, PERSONAL_ACCOUNTS_TENANT, is_guid},
    policy::{ApplicationId, Entra, Tenant},
    rejection::{ClientFault, IssuerFault, Rejection, TenantFault},
    url::Url,
};

impl Entra {
    /// Checks the tenant of a token whose issuer the metadata names (APIM `tenant-id`): `tid` is a GUID, the one that `iss`
    /// has as its first path segment, and one that the policy lets in.
    pub fn check_tenant(&self, iss: &str, tenant: Option<&str>) -> Result<(), Rejection> {
        let refuse = |fault| Err(Rejection::TenantNotAllowed(fault));
        let Some(tenant) = tenant.filter(|tenant| is_guid(tenant)) else {
            return refuse(TenantFault::Absent);
        };
        if !Url::parse(iss).is_ok_and(|url| url.first_segment().eq_ignore_ascii_case(tenant)) {
            return refuse(TenantFault::NotOfIssuer);
        }
        let is_personal = tenant.eq_ignore_ascii_case(PERSONAL_ACCOUNTS_TENANT);
        match &self.tenant {
            Tenant::Id(id) if !tenant.eq_ignore_ascii_case(id) => refuse(TenantFault::Other),
            Tenant::Organizations if is_personal => refuse(TenantFault::PersonalAccount),
            Tenant::Consumers if !is_personal => refuse(TenantFault::Other),
            Tenant::Id(_) | Tenant::Domain | Tenant::Organizations | Tenant::Common | Tenant::Consumers => {
                Ok(())
            }
        }
    }

    /// Why an issuer is refused that no metadata names: it is another tenant's of the same cloud, or no tenant's at all.
    pub fn refuse_issuer<'i>(
        published: impl Iterator<Item = &'i Issuer>,
        iss: &str,
        tenant: Option<&str>,
        fault: IssuerFault,
    ) -> Rejection {
        let named = Url::parse(iss).map(|url| url.first_segment().to_owned()).unwrap_or_default();
        let templates: Vec<_> = published.map(Issuer::for_every_tenant).collect();
        let is_of = |tenant: &str| {
            templates.iter().any(|template| template.names(iss, Some(tenant), Comparison::IgnoreCase))
        };
        if !is_of(&named) {
            return Rejection::IssuerNotAllowed(fault);
        }
        Rejection::TenantNotAllowed(match tenant {
            Some(tenant) if is_of(tenant) => TenantFault::Other,
            Some(tenant) if is_guid(tenant) => TenantFault::NotOfIssuer,
            Some(_) | None => TenantFault::Absent,
        })
    }

    /// Whether an issuer is that of version 2 tokens.
    pub fn is_version_2(iss: &str) -> bool {
        iss.to_ascii_lowercase().ends_with("/v2.0")
    }

    /// Checks `ver`, on which the meaning of other claims depends: issuers of version 2 end in `/v2.0`, others do not.
    pub fn check_version(claims: &Claims<'_>) -> Result<(), Rejection> {
        let is_v2_issuer = claims.issuer().is_some_and(Self::is_version_2);
        match claims.text("ver") {
            Some("2.0") if is_v2_issuer => Ok(()),
            Some("1.0") if !is_v2_issuer => Ok(()),
            Some(_) | None => Err(Rejection::IssuerNotAllowed(IssuerFault::Version)),
        }
    }

    /// Checks for and by which application the token was issued (APIM `backend-application-ids`, `client-application-ids`).
    pub fn check_applications(&self, claims: &Claims<'_>) -> Result<(), Rejection> {
        let is_listed = |ids: &[ApplicationId], text: &str| ids.iter().any(|id| id.is(text));
        if let Some(backends) = &self.backend_applications
            && !claims.audiences().any(|audience| backends.iter().any(|id| id.is_audience(audience)))
        {
            return Err(Rejection::BackendApplicationNotAllowed);
        }
        let Some(clients) = &self.client_applications else {
            return Ok(());
        };
        // Version 2 names the caller in `azp`, version 1 in `appid`; B2C's have `azp` and say that they are version 1.
        let fault = match (claims.text("azp"), claims.text("appid")) {
            (Some(azp), Some(appid)) if !azp.eq_ignore_ascii_case(appid) => ClientFault::Contradictory,
            (Some(client), _) | (None, Some(client)) if is_listed(clients, client) => return Ok(()),
            (Some(_), _) | (None, Some(_)) => ClientFault::NotListed,
            (None, None) => ClientFault::Absent,
        };
        Err(Rejection::ClientApplicationNotAllowed(fault))
    }
}

#[cfg(test)]
mod tests;
