//! The requests that the playground prints: some pass, each of the others fails for one reason.

use crate::ports::Ports;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::error::Error;
use std::io::{self, Write};
use validate_jwt_cli::issuer::contoso::{self, B2C_TENANT};
use validate_jwt_cli::issuer::{Issuer, Mint, Shape};
use validate_jwt_cli::signing::base64url;

/// Long enough for a day of playing; the keys do not outlive the process anyway.
const LIFETIME: i64 = 12 * 3600;

/// A request and what becomes of it.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Why, in one line.
    title: &'static str,
    pub(crate) path: &'static str,
    /// Value of the `Authorization` header.
    pub(crate) authorization: Option<String>,
    /// The filter's reason, if it refuses.
    refusal: Option<&'static str>,
}

impl Sample {
    fn new(title: &'static str, path: &'static str, token: &str) -> Self {
        Self { title, path, authorization: Some(format!("Bearer {token}")), refusal: None }
    }

    fn refused(self, reason: &'static str) -> Self {
        Self { refusal: Some(reason), ..self }
    }

    pub(crate) fn passes(&self) -> bool {
        self.refusal.is_none()
    }
}

/// All requests; the first one passes at `/`.
pub(crate) fn all(issuer: &Issuer) -> Result<Vec<Sample>, Box<dyn Error>> {
    let wish = |shape| Mint::new(shape).expires_in(LIFETIME);
    let mint = |wish: &Mint| issuer.mint(wish);
    let good = mint(&wish(Shape::EntraV2))?;
    let b2c = wish(Shape::B2c);
    let legacy = format!("https://{}/{B2C_TENANT}/v2.0/", contoso::ENTRA_HOST);

    Ok(vec![
        Sample::new("Entra ID, client credentials, with the application role Api.Access", "/", &good),
        Sample::new("B2C, issued by contoso.b2clogin.com", "/b2c", &mint(&b2c)?),
        Sample::new(
            "B2C, with the issuer login.microsoftonline.com from before the migration",
            "/b2c",
            &mint(&b2c.clone().claim("iss", legacy))?,
        ),
        Sample::new(
            "External ID, from the application that azp admits",
            "/external-id",
            &mint(&wish(Shape::ExternalId))?,
        ),
        Sample { title: "No token", path: "/", authorization: None, refusal: Some("TokenNotPresent") },
        Sample::new("Expired an hour ago", "/", &mint(&Mint::new(Shape::EntraV2).expires_in(-3600))?)
            .refused("TokenExpired"),
        Sample::new("A v1 token: its issuer is sts.windows.net", "/", &mint(&wish(Shape::EntraV1))?)
            .refused("TokenIssuerNotAllowed"),
        Sample::new(
            "For another API",
            "/",
            &mint(&wish(Shape::EntraV2).claim("aud", "00000003-0000-0000-c000-000000000000"))?,
        )
        .refused("TokenAudienceNotAllowed"),
        Sample::new(
            "Another role: Api.Read",
            "/",
            &mint(&wish(Shape::EntraV2).claim("roles", json!(["Api.Read"])))?,
        )
        .refused("TokenClaimValueNotAllowed"),
        Sample::new("No role at all", "/", &mint(&wish(Shape::EntraV2).claim("roles", Value::Null))?)
            .refused("TokenClaimNotFound"),
        Sample::new("Tampered with: a role added, the signature kept", "/", &tampered(&good)?)
            .refused("TokenSignatureInvalid"),
        Sample::new("Signed with a key that the provider does not publish", "/", &forged(issuer, &good)?)
            .refused("TokenSignatureKeyNotFound"),
        Sample::new("Not signed: alg is none", "/", &unsigned(&good)?).refused("TokenAlgorithmNotAllowed"),
        Sample::new(
            "B2C, for an application that the policy does not name",
            "/b2c",
            &mint(&b2c.claim("aud", "99999999-aaaa-2222-bbbb-3333cccc4444"))?,
        )
        .refused("TokenAudienceNotAllowed"),
        Sample::new(
            "External ID, from another application",
            "/external-id",
            &mint(&wish(Shape::ExternalId).claim("azp", contoso::B2C_CLIENT))?,
        )
        .refused("TokenClaimValueNotAllowed"),
    ])
}

/// The three parts of a token.
fn parts(token: &str) -> Result<[&str; 3], Box<dyn Error>> {
    let parts: Vec<&str> = token.split('.').collect();
    Ok(parts.try_into().map_err(|_parts| "a token has three parts")?)
}

fn claims(payload: &str) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

fn tampered(token: &str) -> Result<String, Box<dyn Error>> {
    let [header, payload, signature] = parts(token)?;
    let mut claims = claims(payload)?;
    let roles = claims.get_mut("roles").and_then(Value::as_array_mut).ok_or("the token has no roles")?;
    roles.push(json!("Api.Admin"));
    Ok([header, &base64url(claims.to_string().as_bytes()), signature].join("."))
}

fn forged(issuer: &Issuer, token: &str) -> Result<String, Box<dyn Error>> {
    let [_, payload, _] = parts(token)?;
    // The key of another provider is as unknown to this one as a new key, and is there already.
    let key = issuer.signing_key(Shape::Plain);
    Ok(key.sign(&json!({ "typ": "JWT" }), &claims(payload)?)?)
}

fn unsigned(token: &str) -> Result<String, Box<dyn Error>> {
    let [_, payload, _] = parts(token)?;
    Ok(format!("{}.{payload}.", base64url(br#"{"typ":"JWT","alg":"none"}"#)))
}

/// The requests as `curl` lines, and what else there is to know.
pub(crate) fn write(out: &mut impl Write, ports: &Ports, samples: &[Sample]) -> io::Result<()> {
    let Ports { envoy, issuer, upstream, admin } = ports;
    writeln!(
        out,
        "
Envoy with the filter:  http://{envoy}   (administration: http://{admin})
The issuer:             http://{issuer}   (its page says how to have other tokens minted)
The upstream:           http://{upstream}   (answers with what it was sent)
"
    )?;
    writeln!(out, "== These pass: 200, and the upstream's answer ==\n")?;
    write_samples(out, ports, samples.iter().filter(|sample| sample.passes()))?;
    writeln!(out, "== These are refused: 401, and the reason in the access log ==\n")?;
    write_samples(out, ports, samples.iter().filter(|sample| !sample.passes()))?;
    writeln!(
        out,
        "\
Tokens and keys are good until this program ends, at most {} hours.
The access log appears below: method, path, status, and validate_jwt{{<reason>}} for what the filter refused.
Ctrl-C stops everything.
",
        LIFETIME.unsigned_abs() / 3600
    )
}

fn write_samples<'a>(
    out: &mut impl Write,
    ports: &Ports,
    samples: impl Iterator<Item = &'a Sample>,
) -> io::Result<()> {
    for Sample { title, path, authorization, refusal } in samples {
        match refusal {
            Some(reason) => writeln!(out, "# {title}. Access log: validate_jwt{{{reason}}}")?,
            None => writeln!(out, "# {title}.")?,
        }
        write!(out, "curl -i http://{}{path}", ports.envoy)?;
        if let Some(authorization) = authorization {
            write!(out, " -H 'Authorization: {authorization}'")?;
        }
        writeln!(out, "\n")?;
    }
    Ok(())
}
