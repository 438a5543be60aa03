use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn report(configuration: &Value) -> Report {
    check("policy.json", configuration.to_string().as_bytes(), &|_| None, false, NOW)
}

/// The paths that are warned of, each with the beginning of what is said.
fn warned(configuration: &Value) -> Vec<String> {
    let report = report(configuration);
    assert_eq!(report.verdict, Verdict::Loads);
    report.warnings.iter().map(|warning| format!("{}: {}", warning.path, warning.problem)).collect()
}

const ENTRA: &str = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0/.well-known/openid-configuration";

/// A `validate-jwt` policy that nothing is to be said of, with these members changed.
fn policy(changed: &Value) -> Value {
    let mut policy = json!({
        "header-name": "Authorization",
        "openid-config": [{ "url": ENTRA }],
        "audiences": ["6e74172b-be56-4843-9ff4-e66a39bb12e3"],
    });
    for (name, value) in changed.as_object().unwrap() {
        policy[name] = value.clone();
    }
    json!({ "validate-jwt": policy, "clusters": { "login.microsoftonline.com": "entra" } })
}

#[test]
fn a_sound_policy_is_ok() {
    assert!(warned(&policy(&json!({}))).is_empty());
    assert_eq!(report(&policy(&json!({}))).text(), "policy.json: ok\n");
}

#[test]
fn what_the_filter_refuses_is_told_in_its_words() {
    let told = report(&policy(&json!({ "require-schema": "Bearer" }))).text();
    assert!(
        told.starts_with("policy.json: error: validate-jwt.require-schema: unknown member; expected"),
        "{told}"
    );
    let told = check("policy.json", b"{", &|_| None, false, NOW).text();
    assert!(told.starts_with("policy.json: error: configuration: not JSON at line 1"), "{told}");
}

#[test]
fn warnings_about_a_policy() {
    let template = ENTRA.replace("11111111-2222-3333-4444-555555555555", "common");
    let customers = "https://contoso.ciamlogin.com/t/v2.0/.well-known/openid-configuration";
    for (changed, expected) in [
        (json!({ "audiences": ["api://orders"] }), vec!["validate-jwt.audiences: no token can have these"]),
        (json!({ "audiences": ["api://orders", "6e74172b-be56-4843-9ff4-e66a39bb12e3"] }), vec![]),
        (
            json!({ "audiences": ["api://orders"], "issuers": ["https://sts.windows.net/11111111-2222-3333-4444-555555555555/"] }),
            vec![],
        ),
        (
            json!({ "openid-config": [{ "url": template }], "audiences": ["api://orders"] }),
            vec![
                "validate-jwt.audiences: no token can have these",
                "validate-jwt.openid-config[0].url: takes tokens of every tenant",
            ],
        ),
        (
            json!({ "openid-config": [{ "url": template }], "required-claims": [{ "name": "tid", "values": ["t"] }] }),
            vec![],
        ),
        (
            json!({ "issuers": ["https://sts.windows.net/11111111-2222-3333-4444-555555555555"] }),
            vec!["validate-jwt.issuers[0]: no token has this"],
        ),
        (
            json!({ "required-claims": [{ "name": "scp", "values": ["read"] }, { "name": "scp" }] }),
            vec!["validate-jwt.required-claims[0]: `scp` is one string"],
        ),
        (
            json!({ "required-claims": [{ "name": "scp", "separator": " ", "values": ["read", "write all"] }] }),
            vec!["validate-jwt.required-claims[0].values[1]: looks like a list"],
        ),
        (
            json!({ "required-claims": [{ "name": "roles", "values": ["a,b"] }] }),
            vec!["validate-jwt.required-claims[0].values[0]: looks like a list"],
        ),
        (json!({ "clock-skew": 300 }), vec![]),
        (json!({ "clock-skew": 301 }), vec!["validate-jwt.clock-skew: takes tokens for 301 s"]),
        (
            json!({ "audiences": ["api://{request-host}"] }),
            vec!["validate-jwt.audiences: has `{request-host}`"],
        ),
        (
            json!({ "require-signed-tokens": false }),
            vec!["validate-jwt.require-signed-tokens: is false: anybody can"],
        ),
        (
            json!({ "issuer-signing-keys": [{ "value": "A".repeat(43) }] }),
            vec!["validate-jwt.issuer-signing-keys[0].value: is a secret in clear text"],
        ),
    ] {
        let warned = warned(&policy(&changed));
        assert_eq!(warned.len(), expected.len(), "{changed}: {warned:#?}");
        for (warned, expected) in warned.iter().zip(expected) {
            assert!(warned.starts_with(expected), "{changed}: {warned}");
        }
    }
    let mut of_customers = policy(&json!({
        "openid-config": [{ "url": customers }],
        "required-claims": [{ "name": "roles" }, { "name": "azp" }],
    }));
    of_customers["clusters"] = json!({ "contoso.ciamlogin.com": "external-id" });
    let warned = warned(&of_customers);
    assert!(
        warned[0].starts_with("validate-jwt.required-claims[0]: tokens of B2C and External ID"),
        "{warned:#?}"
    );
    assert_eq!(warned.len(), 1);
}

#[test]
fn warnings_about_the_rest() {
    let certificate = include_str!("../../../tests/fixtures/certificates/rsa.pem");
    let configuration = json!({
        "policies": {
            "staff": {
                "validate-azure-ad-token": { "tenant-id": "common" },
                "options": { "allow-any-audience": true, "clock-skew": 3600, "report-only": true },
            },
            "idle": { "validate-jwt": { "query-parameter-name": "t", "require-scheme": "Bearer",
                "issuer-signing-keys": [{ "certificate-id": "used" }] } },
        },
        "rules": [
            { "match": { "path": "/a" }, "policy": "staff", "allow-missing": true },
            { "match": {}, "allow-anonymous": true },
        ],
        "certificates": {
            "used": { "certificate": format!("{certificate}{certificate}") },
            "left": { "certificate": certificate },
        },
        "default-cluster": "any",
        "fetch": { "allow-http": true },
    });
    let late = Timestamp::from_secs(9_000_000_000);
    let report = check("policy.json", configuration.to_string().as_bytes(), &|_| None, false, late);
    assert_eq!(report.verdict, Verdict::Loads);
    let mut paths: Vec<_> = report.warnings.iter().map(|warning| warning.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "certificates.left",
            "certificates.left",
            "certificates.used",
            "certificates.used.certificate",
            "fetch.allow-http",
            "policies.idle",
            "policies.idle.validate-jwt",
            "policies.idle.validate-jwt",
            "policies.idle.validate-jwt.require-scheme",
            "policies.staff.options.allow-any-audience",
            "policies.staff.options.clock-skew",
            "policies.staff.options.report-only",
            "policies.staff.validate-azure-ad-token",
            "rules[0].allow-missing",
            "rules[1]",
        ]
    );
    let without_remedy: Vec<_> =
        report.warnings.iter().filter(|warning| warning.remedy.contains("docs/")).collect();
    assert!(without_remedy.is_empty(), "{without_remedy:#?}");
}

#[test]
fn every_warning_of_the_filter_has_a_remedy() {
    // Each `format!` of the core's warnings holds what a remedy goes by.
    let core = include_str!("../../../src/config/compile/warnings.rs");
    let root = include_str!("../../../src/filter/root.rs");
    for (said, _) in remedies::REMEDIES {
        let written = said.replace('{', "{{").replace('}', "}}");
        assert!(
            [core, root].iter().any(|source| source.contains(said) || source.contains(&written)),
            "{said}"
        );
    }
    let (warnings, _) = core.split_once("#[cfg(test)]").unwrap();
    assert_eq!(
        warnings.matches("format!(").count() + 1,
        remedies::REMEDIES.len(),
        "one for each, and `has expired`"
    );
}

#[test]
fn variables_can_be_taken_for_set() {
    let configuration = policy(&json!({ "issuer-signing-keys": [{ "value-from-env": "SIGNING_KEY" }] }));
    let text = configuration.to_string();
    let told_by = |environment: &dyn Fn(&str) -> Option<String>, assume| {
        check("policy.json", text.as_bytes(), environment, assume, NOW)
    };
    let told = told_by(&|_| None, false).text();
    assert!(told.contains("error: validate-jwt.issuer-signing-keys[0].value-from-env"), "{told}");
    assert_eq!(
        told_by(&|_| None, true).text(),
        "policy.json: ok\npolicy.json: note: `SIGNING_KEY` is not set; taken for a good one\n"
    );
    let mut stale = configuration;
    stale["validate-jwt"]["audiences"] = json!([]);
    let told = check("policy.json", stale.to_string().as_bytes(), &|_| None, true, NOW).text();
    assert!(
        told.ends_with("`SIGNING_KEY` is not set; what stands in for it may be why: set it to be sure\n"),
        "{told}"
    );
    let short = |_: &str| Some("AAAA".to_owned());
    assert!(matches!(told_by(&short, true).verdict, Verdict::Refused(_)), "what is set counts");
}

#[test]
fn the_shipped_configurations_need_nothing_but_variables() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../filter-config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") && !path.ends_with("schema.json") {
            let report = check("policy.json", &std::fs::read(&path).unwrap(), &|_| None, true, NOW);
            assert_eq!(report.verdict, Verdict::Loads, "{}: {}", path.display(), report.text());
        }
    }
}
