use super::*;

fn pattern(text: &str, extent: Extent, ignores_case: bool) -> PathPattern {
    PathPattern::new(text, extent, ignores_case).unwrap()
}

fn exact(text: &str) -> Matcher {
    Matcher::new(Some(pattern(text, Extent::Exact, false)), vec![], vec![])
}

fn prefix(text: &str) -> Matcher {
    Matcher::new(Some(pattern(text, Extent::Prefix, false)), vec![], vec![])
}

fn ignoring_case(text: &str, extent: Extent) -> Matcher {
    Matcher::new(Some(pattern(text, extent, true)), vec![], vec![])
}

fn methods(methods: &[&str]) -> Matcher {
    Matcher::new(None, methods.iter().map(|&method| method.into()).collect(), vec![])
}

fn hosts(hosts: &[&str]) -> Matcher {
    Matcher::new(None, vec![], hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect())
}

/// The number of the rule that decides; `None` when it is the last one, `match: {}`.
fn choose(rules: &[Matcher], headers: &[(&str, &str)]) -> Result<Option<usize>, Ambiguous> {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect();
    let rules = rules.iter().cloned().enumerate().map(|(index, matcher)| (matcher, Some(index)));
    Routes::new(rules.collect(), None).choose(RequestHead::new(&headers)).copied()
}

fn by_path(rules: &[Matcher], path: &str) -> Result<Option<usize>, Ambiguous> {
    choose(rules, &[(":path", path)])
}

#[test]
fn a_path_is_exact_or_a_prefix_of_whole_segments() {
    for (rule, path, expected) in [
        (exact("/healthz"), "/healthz", true),
        (exact("/healthz"), "/healthz?x=/y#z", true),
        (exact("/healthz"), "/%68ealthz", true),
        (exact("/healthz"), "/healthz/", false),
        (exact("/healthz"), "/healthz%3Fx", false),
        (exact("/healthz"), "/Healthz", false),
        (exact("/healthz"), "/", false),
        (exact("/healthz"), "/x?/healthz", false),
        (exact("/healthz"), "/x#/healthz", false),
        (exact("/"), "/", true),
        (exact("/"), "/a", false),
        (exact("/caf%C3%A9"), "/café", true),
        (exact("/café"), "/caf%c3%a9", true),
        (prefix("/admin"), "/admin", true),
        (prefix("/admin"), "/admin/", true),
        (prefix("/admin"), "/admin/x?y", true),
        (prefix("/admin"), "/admin?y", true),
        (prefix("/admin"), "/administrator", false),
        (prefix("/admin"), "/admi", false),
        (prefix("/admin"), "/x/admin", false),
        (prefix("/admin/"), "/admin", true),
        (prefix("/admin/"), "/admin/x", true),
        (prefix("/admin/"), "/administrator", false),
        (prefix("/"), "/", true),
        (prefix("/"), "/anything", true),
        (prefix("/a%2Db"), "/a-b/c", true),
    ] {
        assert_eq!(by_path(std::slice::from_ref(&rule), path), Ok(expected.then_some(0)), "{rule:?} {path}");
    }
}

#[test]
fn an_ambiguous_path_is_told_when_some_rule_looks_at_paths() {
    let rules = [methods(&["GET"]), prefix("/admin")];
    let headers = |path| [(":method", "GET"), (":path", path)];
    for (path, expected) in [
        ("/x/../admin", Ambiguous::DotSegment),
        ("/%2e%2e/admin?x", Ambiguous::DotSegment),
        ("//admin", Ambiguous::DoubleSlash),
        ("*", Ambiguous::NotAbsolute),
        ("", Ambiguous::NotAbsolute),
        ("?/admin", Ambiguous::NotAbsolute),
        ("https://host/admin", Ambiguous::NotAbsolute),
    ] {
        assert_eq!(choose(&rules, &headers(path)), Err(expected), "{path}");
        assert_eq!(choose(&rules[..1], &headers(path)), Ok(Some(0)), "{path}");
    }
    assert_eq!(choose(&rules, &[(":method", "GET")]), Err(Ambiguous::NotAbsolute), "no path at all");
    assert_eq!(choose(&rules, &headers("/a?b=../c;d//%00\\#;")), Ok(Some(0)), "the query is not the path");
}

#[test]
fn case_is_ignored_where_the_rule_says_so() {
    let rules = [
        ignoring_case("/Admin", Extent::Prefix),
        ignoring_case("/CAFÉ", Extent::Exact),
        exact("/Exact"),
        prefix("/kiosk"),
    ];
    for (path, expected) in [
        ("/aDMIN/x", Ok(Some(0))),
        ("/ad%4Din", Ok(Some(0))),
        ("/administrator", Ok(None)),
        ("/café", Ok(Some(1))),
        ("/cafÉ", Ok(Some(1))),
        ("/Exact", Ok(Some(2))),
        ("/exact", Ok(None)),
        // The dotless and the dotted i, the long s and the Kelvin sign: the same letter to some, another one to others.
        ("/admın", Err(Ambiguous::Case)),
        ("/ADMİN/x", Err(Ambiguous::Case)),
        ("/other/ılıca/straße", Ok(None)),
        ("/\u{212a}iosk", Ok(None)),
    ] {
        assert_eq!(by_path(&rules, path), expected, "{path}");
    }
    assert_eq!(by_path(&[prefix("/admin")], "/admın"), Ok(None), "no rule ignores case");
    assert_eq!(by_path(&[ignoring_case("/desk", Extent::Exact)], "/de\u{17f}k"), Err(Ambiguous::Case));
    assert_eq!(by_path(&[ignoring_case("/desk", Extent::Exact)], "/des\u{212a}"), Err(Ambiguous::Case));
}

#[test]
fn methods_are_exact() {
    let rules = [methods(&["POST", "PUT"])];
    for (method, expected) in
        [("POST", true), ("PUT", true), ("GET", false), ("POSTS", false), ("posts", false), ("", false)]
    {
        assert_eq!(choose(&rules, &[(":method", method)]), Ok(expected.then_some(0)), "{method}");
    }
    for (method, expected) in
        [("post", Err(Ambiguous::Method)), ("Put", Err(Ambiguous::Method)), ("gET", Ok(None))]
    {
        let head = [(":method", method), (":path", "/")];
        assert_eq!(choose(&rules, &head), expected, "{method}");
        assert_eq!(choose(&[prefix("/a")], &head), Ok(None), "{method}: no rule looks at it");
    }
    let path = Some(pattern("/desk", Extent::Exact, true));
    let both = Matcher::new(path, vec!["POST".into()], vec![]);
    let head = [(":method", "post"), (":path", "/de\u{17f}k")];
    assert_eq!(choose(&[both], &head), Err(Ambiguous::Case), "read otherwise twice");
    assert_eq!(choose(&rules, &[]), Ok(None));
}

#[test]
fn hosts_are_names_or_all_below_a_name() {
    let rules = [hosts(&["api.contoso.com", "[2001:db8::1]", "10.0.0.1"]), hosts(&["*.example.com"])];
    for (host, expected) in [
        ("api.contoso.com", Some(0)),
        ("API.Contoso.com.:8443", Some(0)),
        ("[2001:DB8::1]:80", Some(0)),
        ("10.0.0.1:80", Some(0)),
        ("x.api.contoso.com", None),
        ("contoso.com", None),
        ("a.example.com", Some(1)),
        ("a.b.example.com:80", Some(1)),
        ("example.com", None),
        ("aexample.com", None),
        ("a.example.com.evil", None),
    ] {
        assert_eq!(choose(&rules, &[(":authority", host)]), Ok(expected), "{host}");
    }
}

#[test]
fn a_host_that_a_backend_may_take_for_another_escapes_no_rule() {
    let odd = [
        "",
        ".",
        ":80",
        ".example.com",
        "api.contoso.com..",
        "api..contoso.com",
        "api.contoso.com:x",
        "api.contoso.com:+80",
        "api.contoso.com:80:80",
        "api.contoso.com,other.example",
        "someone@api.contoso.com",
        "api.contoso.com ",
        "api%2econtoso.com",
        "[api.contoso.com]",
        "2001:db8::1",
        "[::1",
        "*.example.com",
        "café.example.com",
    ];
    for host in odd {
        let head = [(":authority", host), (":path", "/")];
        assert_eq!(choose(&[hosts(&["api.contoso.com"])], &head), Err(Ambiguous::Host), "{host}");
        assert_eq!(choose(&[prefix("/a")], &head), Ok(None), "{host}: no rule looks at it");
    }
    assert_eq!(choose(&[hosts(&["api.contoso.com"])], &[]), Err(Ambiguous::Host));
}

#[test]
fn all_of_a_match_must_hold_and_the_first_rule_decides() {
    let staff = Matcher::new(
        Some(pattern("/admin", Extent::Prefix, false)),
        vec!["POST".into()],
        vec![HostPattern::parse("a.example").unwrap()],
    );
    let rules = [exact("/admin/open"), staff, prefix("/admin"), prefix("/admin/x")];
    for (method, host, path, expected) in [
        ("POST", "a.example", "/admin/x", Some(1)),
        ("GET", "a.example", "/admin/x", Some(2)),
        ("POST", "b.example", "/admin/x", Some(2)),
        ("POST", "a.example", "/other", None),
        ("POST", "a.example", "/admin/open", Some(0)),
    ] {
        let headers = [(":method", method), (":authority", host), (":path", path)];
        assert_eq!(choose(&rules, &headers), Ok(expected), "{headers:?}");
    }
    assert_eq!(by_path(&[Matcher::default(), prefix("/admin")], "/admin"), Ok(Some(0)));
    assert_eq!(choose(&[], &[]), Ok(None), "one rule for all");
}

#[test]
fn actions_are_those_of_the_rules_and_the_last_one() {
    let routes = Routes::new(vec![(exact("/a"), 1), (exact("/b"), 2)], 3);
    assert_eq!(routes.actions().copied().collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn the_same_rule_is_equal_however_it_is_written() {
    for (one, other) in [
        (methods(&["GET", "POST"]), methods(&["POST", "GET", "GET"])),
        (hosts(&["a", "*.b"]), hosts(&["*.b", "a"])),
        (exact("/a%2Db"), exact("/a-b")),
        (prefix("/a/"), prefix("/a")),
        (ignoring_case("/A", Extent::Exact), ignoring_case("/a", Extent::Exact)),
    ] {
        assert_eq!(one, other);
    }
    for (one, other) in [
        (exact("/a"), prefix("/a")),
        (exact("/a"), ignoring_case("/a", Extent::Exact)),
        (exact("/a"), exact("/a/")),
        (exact("/a"), Matcher::default()),
    ] {
        assert_ne!(one, other);
    }
    assert!(Matcher::default().is_any());
    assert!(!methods(&["GET"]).is_any() && !hosts(&["a"]).is_any() && !prefix("/").is_any());
}

#[test]
fn patterns_that_match_nothing_are_refused() {
    for (text, ignores_case, expected) in [
        ("admin", false, PatternFault::Ambiguous(Ambiguous::NotAbsolute)),
        ("/a/../b", false, PatternFault::Ambiguous(Ambiguous::DotSegment)),
        ("/a//", false, PatternFault::Ambiguous(Ambiguous::DoubleSlash)),
        ("/a?b", false, PatternFault::NotPathAlone),
        ("/a#b", false, PatternFault::NotPathAlone),
        ("/straße", true, PatternFault::Case),
    ] {
        assert_eq!(PathPattern::new(text, Extent::Exact, ignores_case), Err(expected), "{text}");
    }
    for text in [
        "",
        "*",
        "*.",
        "*a.example",
        "a.*.example",
        "*.*.example",
        "A.example",
        "a.example:80",
        "a.example.",
        ".a",
        "a..b",
        "a b",
        "ä.example",
        "a/b",
        "*.[::1]",
        "https://a",
    ] {
        assert_eq!(HostPattern::parse(text), None, "{text}");
    }
}

#[test]
fn a_preflight_is_options_with_one_origin_and_one_method() {
    let origin = ("Origin", "https://a.example");
    let asked = ("Access-Control-Request-Method", "PUT");
    let options = (":method", "OPTIONS");
    let cases: &[(&[(&str, &str)], bool)] = &[
        (&[options, origin, asked], true),
        (&[options, ("origin", "null"), ("access-control-request-method", "PUT"), ("x", "y")], true),
        (&[(":method", "GET"), origin, asked], false),
        (&[(":method", "options"), origin, asked], false),
        (&[origin, asked], false),
        (&[options, origin], false),
        (&[options, asked], false),
        (&[options, origin, asked, asked], false),
        (&[options, origin, origin, asked], false),
        (&[options, ("origin", " "), asked], false),
        (&[options, origin, ("access-control-request-method", "")], false),
    ];
    for (headers, expected) in cases {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect();
        assert_eq!(is_cors_preflight(RequestHead::new(&headers)), *expected, "{headers:?}");
    }
}
