//! The tenants and applications that the policies of `filter-config/` name.

/// Host of the workforce tenants.
pub const ENTRA_HOST: &str = "login.microsoftonline.com";
/// The workforce tenant.
pub const ENTRA_TENANT: &str = "11111111-2222-3333-4444-555555555555";
/// Client id of the API: the audience of its v2 tokens.
pub const ENTRA_API: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
/// Application id URI of the API: the audience of its v1 tokens.
pub const ENTRA_API_URI: &str = "api://orders";
/// The application role that the policy asks for.
pub const ENTRA_ROLE: &str = "Api.Access";
/// The daemon that calls the API with client credentials.
pub const ENTRA_CLIENT: &str = "9d4c7a52-3f0b-4e5e-8a6d-1c2b3a495867";
/// Object id of that daemon's service principal.
pub const ENTRA_CLIENT_OBJECT: &str = "2f8a1f2e-6f43-4a7b-9a58-0c6c1f7b9d10";
/// The tenant of all personal accounts.
pub const CONSUMERS_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Host of the B2C tenant.
pub const B2C_HOST: &str = "contoso.b2clogin.com";
/// The B2C tenant.
pub const B2C_TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// The user flow that the policies name.
pub const B2C_USER_FLOW: &str = "B2C_1_signupsignin1";
/// First B2C application: the audience of its tokens.
pub const B2C_API: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
/// The web application through which customers call.
pub const B2C_CLIENT: &str = "5b1e6d0c-7c33-4d19-9a51-84a2d3c0e7f1";

/// Host of the External ID tenant.
pub const EXTERNAL_ID_HOST: &str = "contoso.ciamlogin.com";
/// The External ID tenant.
pub const EXTERNAL_ID_TENANT: &str = "00044076-b4b5-4404-b01f-00ee0c08e825";
/// Client id of the API: the audience of its tokens.
pub const EXTERNAL_ID_API: &str = "c0ffee00-1234-4abc-9def-0123456789ab";
/// The application that the policy admits by `azp`.
pub const EXTERNAL_ID_CLIENT: &str = "a3f5c2d1-7b8e-4c9d-a0e1-f2b3c4d5e6f7";

/// A person, for the tokens of signed-in users.
pub const USER_OBJECT: &str = "7c0f3e1d-52a9-4c0e-b7d4-65a1d0e9f832";
