use super::*;
use crate::json::Json;

fn read_rules(text: &str) -> Result<WrittenRules, String> {
    let json = Json::parse(text.as_bytes()).unwrap();
    let root = Node::root(&json);
    let rules = root.members(&["rules"], &[]).unwrap().require("rules").unwrap();
    read(&rules).map_err(|error| error.to_string())
}

/// The rules `rules`, and one for the rest.
fn with(rules: &str) -> String {
    format!(r#"{{"rules":[{rules},{{"match":{{}},"policy":"rest"}}]}}"#)
}

/// A rule with `members` in its `match`.
fn matching(members: &str) -> String {
    with(&format!(r#"{{"match":{{{members}}},"policy":"p"}}"#))
}

fn policy(index: usize, name: &str, allow_missing: bool) -> WrittenAction {
    WrittenAction::Policy { path: format!("rules[{index}].policy"), name: name.into(), allow_missing }
}

#[test]
fn every_word_of_a_rule_is_read() {
    let text = r#"{"rules":[
        { "match": { "path": "/healthz" }, "allow-anonymous": true },
        {
            "match": { "path-prefix": "/Admin/", "ignore-case": true, "methods": [ "POST", "PURGE" ],
                       "hosts": [ "api.contoso.com", "*.example.com" ] },
            "policy": "staff"
        },
        { "match": { "path-prefix": "/catalog", "ignore-case": false }, "policy": "either_1-A", "allow-missing": true },
        { "match": { }, "policy": "either", "allow-missing": false }
    ]}"#;
    let pattern = |text, extent, ignores_case| PathPattern::new(text, extent, ignores_case).ok();
    let hosts = ["api.contoso.com", "*.example.com"].map(|host| HostPattern::parse(host).unwrap());
    let staff = Matcher::new(
        pattern("/admin", Extent::Prefix, true),
        vec!["POST".into(), "PURGE".into()],
        hosts.to_vec(),
    );
    let expected = WrittenRules {
        rules: vec![
            (
                Matcher::new(pattern("/healthz", Extent::Exact, false), vec![], vec![]),
                WrittenAction::Anonymous,
            ),
            (staff, policy(1, "staff", false)),
            (
                Matcher::new(pattern("/catalog", Extent::Prefix, false), vec![], vec![]),
                policy(2, "either_1-A", true),
            ),
        ],
        otherwise: policy(3, "either", false),
    };
    assert_eq!(read_rules(text), Ok(expected));
    let alone = read_rules(r#"{"rules":[{"match":{},"allow-anonymous":true}]}"#);
    assert_eq!(alone, Ok(WrittenRules { rules: vec![], otherwise: WrittenAction::Anonymous }));
    assert!(
        read_rules(&with(&format!(r#"{{"match":{{"path":"/"}},"policy":"{}"}}"#, "p".repeat(63)))).is_ok()
    );
}

#[test]
fn what_is_wrong_with_a_rule_is_told() {
    let undecided =
        "rules: leaves requests undecided that no rule matches; end it with a rule that has `\"match\": {}`";
    let name = "rules[0].policy: is not a name; expected 1 to 63 letters, digits, `-` and `_`";
    let cases = [
        (
            r#"{"rules":{}}"#.to_owned(),
            r#"rules: is an object; expected a list such as `[ { "match": { }, "policy": "…" } ]`"#,
        ),
        (r#"{"rules":[]}"#.into(), "rules: is an empty list; name at least one, or leave the member out"),
        (r#"{"rules":[{"match":{"path":"/a"},"policy":"a"}]}"#.into(), undecided),
        (r#"{"rules":[{"match":{"methods":["GET"]},"allow-anonymous":true}]}"#.into(), undecided),
        (
            with(r#"{"match":{},"policy":"a"}"#),
            "rules[1]: is never reached, since `rules[0]` matches every request; put it before that rule",
        ),
        (
            with(
                r#"{"match":{"path":"/a"},"policy":"a"},{"match":{},"policy":"a"},{"match":{"path":"/a"},"policy":"b"}"#,
            ),
            "rules[2]: is never reached, since `rules[1]` matches every request; put it before that rule",
        ),
        (
            with(
                r#"{"match":{"path":"/a-b"},"policy":"a"},{"match":{"path":"/b"},"policy":"a"},{"match":{"path":"/a%2Db"},"policy":"b"}"#,
            ),
            "rules[2]: matches the same requests as `rules[0]`, which decides about them; remove one of the two",
        ),
        (
            with(r#"{"match":{"path":"/a"}}"#),
            "rules[0]: says nothing of what to do; add `policy`, or `\"allow-anonymous\": true`",
        ),
        (
            with(r#"{"match":{"path":"/a"},"policy":"a","allow-anonymous":true}"#),
            "rules[0]: has both `policy` and `allow-anonymous`; remove one of the two",
        ),
        (
            with(r#"{"match":{"path":"/a"},"policy":"a","allow-anonymous":false}"#),
            "rules[0].allow-anonymous: is false, as it is without being said; remove it and name a `policy`",
        ),
        (
            with(r#"{"match":{"path":"/a"},"allow-anonymous":true,"allow-missing":true}"#),
            "rules[0].allow-missing: says nothing beside `allow-anonymous`, which looks at no token; remove it",
        ),
        (
            with(r#"{"match":{"path":"/a"},"allow-missing":true}"#),
            "rules[0]: says nothing of what to do; add `policy`, or `\"allow-anonymous\": true`",
        ),
        (
            with(r#"{"match":{"path":"/a"},"policy":"a","allow-missing":1}"#),
            "rules[0].allow-missing: is a number; expected true or false",
        ),
        (with(r#"{"policy":"a"}"#), "rules[0].match: is missing; it is required"),
        (
            with(r#"{"match":null,"policy":"a"}"#),
            "rules[0].match: is null; give a value or leave the member out",
        ),
        (
            with(r#"{"match":{},"polcy":"a"}"#),
            "rules[0].polcy: unknown member; expected one of `match`, `policy`, `allow-anonymous`, `allow-missing`",
        ),
        (with(r#"{"match":{"path":"/a"},"policy":"a b"}"#), name),
        (with(r#"{"match":{"path":"/a"},"policy":"ä"}"#), name),
        (with(&format!(r#"{{"match":{{"path":"/a"}},"policy":"{}"}}"#, "p".repeat(64))), name),
        (
            with(r#"{"match":{"path":"/a"},"policy":["a"]}"#),
            "rules[0].policy: is an array; expected a string",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(read_rules(&text), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_match_is_told() {
    let none = "requests with such a path are refused, and the rule would match none";
    let no_host = "is not a host; expected a name in lower case without port, such as `api.example.com`, or \
                   `*.example.com` for all below it";
    let cases = [
        (
            r#""paths":["/a"]"#,
            "paths: unknown member; expected one of `path`, `path-prefix`, `ignore-case`, `methods`, `hosts`".to_owned(),
        ),
        (
            r#""ignore-case":true"#,
            "ignore-case: says nothing without `path` or `path-prefix`; remove it, or add one".into(),
        ),
        (
            r#""path":"/a","ignore-case":"yes""#,
            "ignore-case: is a string; expected true or false".into(),
        ),
        (
            r#""path":"/straße","ignore-case":true"#,
            "path: has a letter whose other case is not the same to all who ignore case; remove `ignore-case`, and write a \
             rule for each spelling"
                .into(),
        ),
        (
            r#""path":"orders""#,
            "path: does not start with `/`; expected a path such as `/orders`".into(),
        ),
        (
            r#""path":"https://host/a""#,
            "path: does not start with `/`; expected a path such as `/orders`".into(),
        ),
        (r#""path-prefix":"/a//b""#, format!("path-prefix: has `//`; {none}")),
        (r#""path-prefix":"//""#, format!("path-prefix: has `//`; {none}")),
        (r#""path":"/a/../b""#, format!("path: has a segment `.` or `..`, encoded or not; {none}")),
        (r#""path":"/a%2fb""#, format!("path: has an encoded `/`; {none}")),
        (r#""path":"/a\\b""#, format!(r"path: has a `\`, encoded or not; {none}")),
        (r#""path":"/a;b""#, format!("path: has a `;`, encoded or not; {none}")),
        (r#""path":"/a\n""#, format!("path: has a control character, encoded or not; {none}")),
        (r#""path":"/100%""#, format!("path: has a `%` without two hexadecimal digits; {none}")),
        (r#""path":"/%2541""#, format!("path: is percent-encoded twice; {none}")),
        (r#""path":"/%FF""#, format!("path: is not UTF-8 after decoding; {none}")),
        (
            r#""path":"/a?b""#,
            "path: has a `?` or `#`; rules compare the path alone; write `%3F` or `%23` where it has one".into(),
        ),
        (
            r#""path":"/a/*""#,
            "path: has a `*`, which stands for nothing but itself; use `path-prefix`, or write `%2A` where the path has one"
                .into(),
        ),
        (
            r#""path":"/orders/{id}""#,
            "path: has a placeholder; put in the name or id that it stands for".into(),
        ),
        (r#""path":"""#, "path: is an empty string; give a value or leave the member out".into()),
        (
            r#""methods":"GET""#,
            "methods: is a string; expected a list such as `[ \"GET\" ]`".into(),
        ),
        (
            r#""methods":[]"#,
            "methods: is an empty list; name at least one, or leave the member out".into(),
        ),
        (
            r#""methods":["GET","P T"]"#,
            "methods[1]: is not the name of a method, such as `GET`".into(),
        ),
        (
            r#""methods":["get"]"#,
            "methods[0]: is not how the method is written, and case counts; write `GET`".into(),
        ),
        (
            r#""hosts":[]"#,
            "hosts: is an empty list; name at least one, or leave the member out".into(),
        ),
        (r#""hosts":["a","API.contoso.com"]"#, format!("hosts[1]: {no_host}")),
        (r#""hosts":["a:443"]"#, format!("hosts[0]: {no_host}")),
        (r#""hosts":["*"]"#, format!("hosts[0]: {no_host}")),
        (r#""hosts":["a.*.b"]"#, format!("hosts[0]: {no_host}")),
    ];
    for (members, expected) in cases {
        let expected = format!("rules[0].match.{expected}");
        assert_eq!(read_rules(&matching(members)), Err(expected), "{members}");
    }
    assert_eq!(
        read_rules(&matching(r#""path":"/a","path-prefix":"/b""#)),
        Err("rules[0].match: has both `path` and `path-prefix`; remove one of the two".into())
    );
    assert!(read_rules(&matching(r#""path":"/%2A%3F%23%7B""#)).is_ok());
}

#[test]
fn a_rule_behind_a_broader_one_is_never_reached() {
    for (broad, narrow, is_covered) in [
        (r#""path-prefix":"/""#, r#""path-prefix":"/admin""#, true),
        (r#""path-prefix":"/a""#, r#""path":"/a/b""#, true),
        (r#""path-prefix":"/a/""#, r#""path":"/a""#, true),
        (r#""path-prefix":"/a""#, r#""path-prefix":"/a/b","methods":["GET"],"hosts":["h"]"#, true),
        (r#""path-prefix":"/a""#, r#""path-prefix":"/ab""#, false),
        (r#""path-prefix":"/a/b""#, r#""path-prefix":"/a""#, false),
        (r#""path":"/a""#, r#""path-prefix":"/a""#, false),
        (r#""path":"/a""#, r#""path":"/a","methods":["GET"]"#, true),
        (r#""path":"/a","ignore-case":true"#, r#""path":"/A""#, true),
        (r#""path-prefix":"/a","ignore-case":true"#, r#""path":"/A/B","ignore-case":true"#, true),
        (r#""path":"/a""#, r#""path":"/a","ignore-case":true"#, false),
        (r#""path-prefix":"/a""#, r#""hosts":["h"]"#, false),
        (r#""methods":["GET","PUT"]"#, r#""path":"/a","methods":["PUT"]"#, true),
        (r#""methods":["GET"]"#, r#""path":"/a","methods":["GET","PUT"]"#, false),
        (r#""methods":["GET"]"#, r#""path":"/a""#, false),
        (r#""hosts":["*.b"]"#, r#""path":"/a","hosts":["a.b","*.a.b"]"#, true),
        (r#""hosts":["*.b"]"#, r#""hosts":["b"]"#, false),
        (r#""hosts":["a.b"]"#, r#""hosts":["*.a.b"]"#, false),
        (r#""hosts":["*.a.b"]"#, r#""hosts":["*.b"]"#, false),
        (r#""hosts":["a"]"#, r#""path":"/a""#, false),
    ] {
        let rules = format!(
            r#"{{"match":{{"path":"/first"}},"policy":"p"}},{{"match":{{{broad}}},"allow-anonymous":true}},
               {{"match":{{{narrow}}},"policy":"p"}}"#
        );
        let expected =
            "rules[2]: is never reached, since `rules[1]` matches all that it does; put it before that rule";
        assert_eq!(
            read_rules(&with(&rules)).err().as_deref(),
            is_covered.then_some(expected),
            "{broad} {narrow}"
        );
    }
}

#[test]
fn rules_are_limited() {
    let rules = |count: usize| {
        let rules: Vec<_> =
            (1..count).map(|index| format!(r#"{{"match":{{"path":"/{index}"}},"policy":"p"}}"#)).collect();
        with(&rules.join(","))
    };
    assert_eq!(read_rules(&rules(MAX_RULES)).unwrap().rules.len(), MAX_RULES - 1);
    assert_eq!(
        read_rules(&rules(MAX_RULES + 1)),
        Err("rules[2048]: is one too many; at most 2048 are allowed".into())
    );
}
